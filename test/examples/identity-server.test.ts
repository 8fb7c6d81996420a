import { createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { IdentityServer } from '../../examples/invite-by-email/identity-server/index.ts';
import { PrivateCa } from '../../examples/invite-by-email/private-ca.ts';

const ALICE = '@alice:example.org';
const BOB = '@bob:example.org';
const ADDRESS = 'bob@mail.example';

/** Starts an identity server, and a homeserver that keeps its onbind requests. */
async function start() {
  const ca = await PrivateCa.create();
  const onbinds: { method: string | undefined; url: string | undefined; body: unknown }[] = [];
  const homeserver = createServer();
  homeserver.on('request', async (incoming, response) => {
    onbinds.push({ method: incoming.method, url: incoming.url, body: await json(incoming) });
    response.end('{}');
  });
  homeserver.listen(0, '127.0.0.1');
  await once(homeserver, 'listening');
  const { port } = homeserver.address() as AddressInfo;
  const credentials = await ca.issue('IP:127.0.0.2');
  const homeserverOf = () => new URL(`http://127.0.0.1:${port}`);
  const server = await IdentityServer.start({ credentials, homeserverOf });
  onTestFinished(async () => {
    homeserver.close();
    await server.close();
  });
  const token = server.register(ALICE);

  /** Sends a request as Alice. Returns the status and the JSON. */
  async function ask(
    method: string,
    path: string,
    body?: object,
    bearer = token,
  ): Promise<Record<string, unknown>> {
    const outgoing = request(`https://${server.name}/_matrix/identity/v2/${path}`, {
      method,
      ca: ca.certificate,
      agent: false,
      headers: { Authorization: `Bearer ${bearer}` },
    });
    outgoing.end(body && JSON.stringify(body));
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    return { status: incoming.statusCode, ...((await json(incoming)) as object) };
  }
  return { server, onbinds, ask };
}

const invite = { medium: 'email', address: ADDRESS, room_id: '!room:example.org', sender: ALICE };

/** Returns true if an object has a valid signature of the server with this key. Its keys must be in order. */
function isSigned(signed: Record<string, unknown>, server: string, publicKey: string): boolean {
  const { signatures, ...rest } = signed;
  const byServer = (signatures as Record<string, Record<string, string>>)[server] ?? {};
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey, 'base64').toString('base64url') },
    format: 'jwk',
  });
  const bytes = Buffer.from(JSON.stringify(rest, Object.keys(rest).sort()));
  return Object.values(byServer).some((each) => verify(null, bytes, key, Buffer.from(each, 'base64')));
}

describe('the identity server of the tests', () => {
  it.each(['PUT', 'POST'] as const)(
    'tells the homeserver about an invite once its address is bound, by %s',
    async (method) => {
      const { server, onbinds, ask } = await start();
      server.onbindMethod = method;
      const stored = await ask('POST', 'store-invite', invite);
      expect(server.mail.mails.map(({ to }) => to)).toEqual([[ADDRESS]]);

      const session = { client_secret: 'secret', email: ADDRESS, send_attempt: 1 };
      const { sid } = await ask('POST', 'validate/email/requestToken', session);
      const binding = { sid, client_secret: 'secret', mxid: BOB };
      expect(await ask('POST', '3pid/bind', binding)).toMatchObject({
        status: 400,
        errcode: 'M_SESSION_NOT_VALIDATED',
      });
      const token = /Token: (\S+)/.exec(server.mail.mails[1]?.source ?? '')?.[1];
      expect(
        await ask('POST', 'validate/email/submitToken', { sid, client_secret: 'secret', token }),
      ).toEqual({
        status: 200,
        success: true,
      });
      expect(onbinds).toEqual([]);
      const { status, ...association } = await ask('POST', '3pid/bind', binding);
      expect(status).toBe(200);
      const { public_key } = await ask('GET', `pubkey/${server.store.key.id}`);
      expect(isSigned(association, server.name, String(public_key))).toBe(true);

      expect(onbinds).toEqual([
        {
          method,
          url: '/_matrix/federation/v1/3pid/onbind',
          body: {
            medium: 'email',
            address: ADDRESS,
            mxid: BOB,
            invites: [
              { ...invite, mxid: BOB, signed: expect.objectContaining({ mxid: BOB, token: stored.token }) },
            ],
          },
        },
      ]);
      const [signed = {}] = onbinds.flatMap(({ body }) =>
        (body as { invites: { signed: Record<string, unknown> }[] }).invites.map((each) => each.signed),
      );
      expect(isSigned(signed, server.name, String(public_key))).toBe(true);
      expect(isSigned({ ...signed, mxid: ALICE }, server.name, String(public_key))).toBe(false);
      expect(await ask('POST', 'store-invite', invite)).toMatchObject({
        status: 400,
        errcode: 'M_THREEPID_IN_USE',
        mxid: BOB,
      });
      expect(server.mail.mails).toHaveLength(2);
    },
  );

  it('signs an invite with the ephemeral key of whoever has it', async () => {
    const { server, ask } = await start();
    const stored = await ask('POST', 'store-invite', invite);
    const [key] = server.store.ephemeralKeys.values();
    const body = { mxid: BOB, token: stored.token, private_key: key?.seed };
    const { status, ...signed } = await ask('POST', 'sign-ed25519', body);
    expect([status, signed.sender]).toEqual([200, ALICE]);
    expect(isSigned(signed, server.name, key?.publicKey ?? '')).toBe(true);
    expect(await ask('POST', 'sign-ed25519', { ...body, token: 'other' })).toMatchObject({ status: 404 });
  });

  it('wants a token, and its terms accepted', async () => {
    const { server, ask } = await start();
    const url = 'https://id.example.org/terms';
    server.store.policies = { tos: { version: '1', en: { name: 'Terms', url } } };
    expect(await ask('GET', 'hash_details', undefined, 'other')).toMatchObject({
      status: 401,
      errcode: 'M_UNAUTHORIZED',
    });
    expect(await ask('GET', 'hash_details')).toMatchObject({ status: 403, errcode: 'M_TERMS_NOT_SIGNED' });
    expect(await ask('GET', 'terms')).toMatchObject({ policies: server.store.policies });
    expect(await ask('POST', 'terms', { user_accepts: [url] })).toEqual({ status: 200 });
    expect(await ask('GET', 'hash_details')).toMatchObject({ status: 200 });
    expect(await ask('GET', 'account')).toEqual({ status: 200, user_id: ALICE });
    expect(await ask('POST', 'account/logout')).toEqual({ status: 200 });
    expect(await ask('GET', 'account')).toMatchObject({ status: 401 });
  });
});
