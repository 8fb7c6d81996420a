import type { AuthAdapter } from 'express-matrix-invite';
import { describe, expect, it } from 'vitest';
import type { Middleware } from '../frameworks/hosts/host.ts';
import { RawClient } from './raw-client.ts';
import {
  ALICE,
  BOB,
  expectInvited,
  expectRefusal,
  INVITE_PATH,
  listening,
  memberOf,
  portOf,
  seedRoom,
  setUp,
  type TestResponse,
} from './support.ts';

const TWO_TOKENS = ['Authorization: Bearer alice-token', 'Authorization: Bearer carol-token'];

/** Sends an invite with these header lines, behind a middleware of the host app. */
async function sendLines(lines: readonly string[], options: Parameters<typeof setUp>[0], host?: Middleware) {
  const { app, store } = setUp(options, (empty) => host && empty.use(host));
  await seedRoom(store);
  const client = await RawClient.connect(portOf(await listening(app)));
  const body = JSON.stringify({ user_id: BOB });
  const fields = ['Host: x', ...lines, `Content-Length: ${body.length}`].join('\r\n');
  client.write(`POST ${INVITE_PATH} HTTP/1.1\r\n${fields}\r\n\r\n${body}`);
  const response: TestResponse = await client.response();
  client.socket.destroy();
  return { response, store };
}

it.each(['Bearer alice-token \t ', ' \tBearer alice-token', 'Bearer   alice-token '])(
  'whitespace around an Authorization header is not part of the token: %j',
  async (value) => {
    expectInvited((await sendLines([`Authorization:${value}`], {})).response);
  },
);

describe('several Authorization headers', () => {
  it.each([
    ['two tokens', ['Bearer alice-token', 'Bearer carol-token']],
    ['the same token twice', ['Bearer alice-token', 'Bearer alice-token']],
    ['Basic before Bearer', ['Basic Zm9vOmJhcg==', 'Bearer alice-token']],
    ['Basic after Bearer', ['Bearer alice-token', 'Basic Zm9vOmJhcg==']],
  ])('are rejected: %s', async (_case, values) => {
    const lines = values.map((value) => `authorization: ${value}`);
    const { response, store } = await sendLines(lines, {});
    expectRefusal(response, 401, 'M_MISSING_TOKEN');
    expect(await memberOf(store, BOB)).toBeUndefined();
  });

  it('do not matter if the host app has replaced them', async () => {
    const gateway = ['Authorization: Bearer of-the-gateway', 'Authorization: Bearer of-another'];
    const { response } = await sendLines(gateway, {}, (request, _response, next) => {
      request.headers.authorization = 'Bearer alice-token';
      next();
    });
    expectInvited(response);
  });

  it.each([
    'bearer  alice-token',
    'Bearer alice-token, Bearer carol-token',
    'Bearer alice-token,bearer carol-token',
    'Bearer alice-token, Basic eDp5',
  ])('are rejected if the host app or Node has rewritten them as %s', async (value) => {
    const asked: unknown[] = [];
    const auth: AuthAdapter = {
      async authenticate({ accessToken }) {
        asked.push(accessToken);
        return { failure: 'unknown' };
      },
    };
    const { response } = await sendLines(TWO_TOKENS, { auth }, (request, _response, next) => {
      request.headers.authorization = value;
      next();
    });
    expectRefusal(response, 401, 'M_MISSING_TOKEN');
    expect(asked).toEqual([]);
  });

  it('do not matter if the host app has replaced two others by another without a token', async () => {
    const session = { allowedOrigins: [], authenticate: async () => ({ requester: { userId: ALICE } }) };
    const basic = ['Authorization: Basic eDp5', 'Authorization: Basic eDp6'];
    const { response } = await sendLines(basic, { session }, (request, _response, next) => {
      request.headers.authorization = 'Basic eDp3';
      next();
    });
    expectInvited(response);
  });

  it('do not matter if the host app has deleted them', async () => {
    const session = { allowedOrigins: [], authenticate: async () => ({ requester: { userId: ALICE } }) };
    const { response } = await sendLines(TWO_TOKENS, { session }, (request, _response, next) => {
      delete request.headers.authorization;
      next();
    });
    expectInvited(response);
  });
});

it('a session is ignored if a listed origin is only one of two', async () => {
  const origin = 'https://chat.example.org';
  const session = { allowedOrigins: [origin], authenticate: async () => ({ requester: { userId: ALICE } }) };
  const lines = [`Origin: ${origin}`, 'Origin: https://evil.example.net'];
  const { response } = await sendLines(lines, { session });
  expectRefusal(response, 401, 'M_MISSING_TOKEN');
});
