import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { identityServers } from 'express-matrix-invite/third-party';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { IdentityServer } from '../../examples/invite-by-email/identity-server/index.ts';
import { PrivateCa } from '../../examples/invite-by-email/private-ca.ts';
import { ALICE, BOB, CAROL, limits, MALLORY, memberOf, ROOM, seedRoom } from '../http/support.ts';
import { Client } from './support/client.ts';
import { oddRooms, oddUsers } from './support/identifiers.ts';
import { nodePathOf } from './support/node-versions.ts';
import { copyInto, projectWith } from './support/project.ts';
import { serve } from './support/server.ts';

let client: Client;

beforeAll(async () => {
  const project = await projectWith('js-sdk', ['matrix-js-sdk@43']);
  // The oldest Node that it supports.
  client = new Client(await nodePathOf(22), await copyInto(project, 'client/js-sdk.mjs'));
});

afterAll(() => client.end());

const success = { result: {}, logouts: [] };

/** The error that the SDK should throw. `fields` are additional fields of the response. */
function sdkError(httpStatus: number, errcode: string, { fields = {}, ...expected }: Expected = {}) {
  const error = {
    name: errcode,
    errcode,
    httpStatus,
    data: expect.objectContaining({ errcode, error: expect.stringMatching(/./), ...fields }),
    isRateLimitError: false,
    retryAfterMs: null,
    backoffMs: GIVE_UP,
    ...expected,
  };
  return { error, logouts: expect.any(Array) };
}
type Expected = { fields?: object; isRateLimitError?: boolean; retryAfterMs?: unknown; backoffMs?: unknown };

/** The delay that tells the SDK's queue to give up. */
const GIVE_UP = -1;

describe('matrix-js-sdk 43 sends an invite', () => {
  it('with a reason', async () => {
    const { baseUrl, store } = await serve();
    await seedRoom(store);
    const call = { baseUrl, accessToken: 'alice-token', roomId: ROOM, userId: BOB };
    expect(await client.run('invite', { ...call, reason: 'Come & see “us” 🐈' })).toEqual(success);
    expect((await memberOf(store, BOB))?.content).toEqual({
      membership: 'invite',
      reason: 'Come & see “us” 🐈',
    });
  });

  it.each(oddRooms)('into $roomId of version $version', async ({ roomId, version }) => {
    const { baseUrl, store } = await serve();
    await seedRoom(store, { roomId, version });
    expect(await client.run('invite', { baseUrl, accessToken: 'alice-token', roomId, userId: BOB })).toEqual(
      success,
    );
    expect((await memberOf(store, BOB, roomId))?.content).toEqual({ membership: 'invite' });
  });

  it.each(oddUsers)('to %s', async (userId) => {
    const { baseUrl, store } = await serve();
    await seedRoom(store);
    expect(await client.run('invite', { baseUrl, accessToken: 'alice-token', roomId: ROOM, userId })).toEqual(
      success,
    );
    expect((await memberOf(store, userId))?.content).toEqual({ membership: 'invite' });
  });
});

describe('matrix-js-sdk 43 sends an invite of an email address', () => {
  /** Starts an identity server and a server with the router, and returns what the client needs to know. */
  async function start() {
    const ca = await PrivateCa.create();
    const identityServer = await IdentityServer.start({ credentials: await ca.issue('IP:127.0.0.2') });
    onTestFinished(() => identityServer.close());
    const identity = identityServers({
      servers: [identityServer.name],
      allowAddresses: ['127.0.0.2/32'],
      tls: { ca: ca.certificate },
    });
    const store = new MemoryStorage();
    const { baseUrl } = await serve({
      storage: store,
      thirdParty: { identity, pending: store, secret: 'a secret of at least thirty-two bytes' },
    });
    await seedRoom(store);
    const call = {
      baseUrl,
      accessToken: 'alice-token',
      idBaseUrl: `https://${identityServer.name}`,
      idAccessToken: identityServer.register(ALICE),
      roomId: ROOM,
      medium: 'email',
      address: 'Bob@mail.example',
    };
    return { identityServer, store, call };
  }

  it('that nobody has bound, which gets one mail however often it is invited', async () => {
    const { identityServer, store, call } = await start();
    for (let count = 0; count < 3; count++) {
      expect(await client.run('inviteByThreePid', call)).toEqual(success);
    }
    expect(identityServer.mail.mails.map(({ to }) => to)).toEqual([['bob@mail.example']]);
    const state = (await store.roomState(ROOM)) ?? [];
    expect(state.filter(({ type }) => type === 'm.room.third_party_invite')).toMatchObject([
      { sender: ALICE, state_key: identityServer.store.invites[0]?.token },
    ]);
    expect(await memberOf(store, BOB)).toBeUndefined();
  });

  it('that a user has bound', async () => {
    const { identityServer, store, call } = await start();
    await identityServer.bind('email', 'bob@mail.example', BOB);
    expect(await client.run('inviteByThreePid', call)).toEqual(success);
    expect((await memberOf(store, BOB))?.content).toMatchObject({ membership: 'invite' });
    expect(identityServer.mail.mails).toEqual([]);
  });

  it('with an access token that the identity server does not know', async () => {
    const { call } = await start();
    expect(await client.run('inviteByThreePid', { ...call, idAccessToken: 'another' })).toEqual(
      sdkError(403, 'M_UNAUTHORIZED'),
    );
  });
});

describe('matrix-js-sdk 43 throws a MatrixError', () => {
  it.each([
    [400, 'M_INVALID_PARAM', { userId: 'bob' }],
    [400, 'M_BAD_JSON', { userId: 5 }],
    [400, 'M_UNSUPPORTED_ROOM_VERSION', { roomId: '!future:example.org' }],
    [401, 'M_MISSING_TOKEN', { accessToken: undefined }],
    [403, 'M_GUEST_ACCESS_FORBIDDEN', { accessToken: 'guest-token' }],
    [403, 'M_USER_SUSPENDED', { accessToken: 'suspended-token' }],
    [403, 'M_FORBIDDEN', { userId: MALLORY }],
    [403, 'M_INVITE_BLOCKED', { userId: CAROL }],
    [413, 'M_TOO_LARGE', { reason: 'x'.repeat(70_000) }],
  ])('%i %s', async (status, errcode, call) => {
    const blocks = { default_action: 'block' };
    const users = { getAccountData: async (userId: string) => (userId === CAROL ? blocks : undefined) };
    const { baseUrl, store } = await serve({ users });
    await seedRoom(store, { members: { [MALLORY]: 'ban' } });
    await seedRoom(store, { roomId: '!future:example.org', version: '99' });
    const defaults = { baseUrl, accessToken: 'alice-token', roomId: ROOM, userId: BOB };
    expect(await client.run('invite', { ...defaults, ...call })).toEqual(sdkError(status, errcode));
  });

  it('403 M_THREEPID_DENIED for an email address', async () => {
    const { baseUrl, store } = await serve();
    await seedRoom(store);
    const idBaseUrl = 'https://id.example.org';
    const call = { baseUrl, idBaseUrl, accessToken: 'alice-token', roomId: ROOM, address: 'bob@example.org' };
    expect(await client.run('inviteByEmail', call)).toEqual(sdkError(403, 'M_THREEPID_DENIED'));
  });

  it('503 M_UNKNOWN with a retry delay during an auth outage', async () => {
    const { baseUrl } = await serve();
    const call = { baseUrl, accessToken: 'outage-token', roomId: ROOM, userId: BOB };
    const expected = { retryAfterMs: expect.any(Number), backoffMs: expect.any(Number) };
    const result = await client.run('invite', call);
    expect(result).toEqual(sdkError(503, 'M_UNKNOWN', expected));
    const { error } = result as { error: { retryAfterMs: number; backoffMs: number } };
    expect(error.retryAfterMs).toBeGreaterThanOrEqual(1000);
    expect(error.backoffMs).toBeGreaterThanOrEqual(1000);
  });
});

describe('matrix-js-sdk 43', () => {
  it.each([
    ['logs out when the access token is unknown', 'another-token', 'M_UNKNOWN_TOKEN', {}, 1],
    [
      'logs out softly when the access token has expired',
      'expired-token',
      'M_UNKNOWN_TOKEN',
      { soft_logout: true },
      1,
    ],
    [
      'does not log out when the account is locked',
      'locked-token',
      'M_USER_LOCKED',
      { soft_logout: true },
      0,
    ],
  ])('%s', async (_name, accessToken, errcode, fields, count) => {
    const { baseUrl, store } = await serve();
    await seedRoom(store);
    const result = await client.run('invite', { baseUrl, accessToken, roomId: ROOM, userId: BOB });
    expect(result).toEqual(sdkError(401, errcode, { fields }));
    const data = { errcode, error: expect.any(String), ...fields };
    expect((result as { logouts: unknown[] }).logouts).toEqual(Array.from({ length: count }, () => data));
  });
});

describe('matrix-js-sdk 43 obeys Retry-After', () => {
  it('in its MatrixError', async () => {
    const { baseUrl, store } = await serve({ rateLimit: limits(1) });
    await seedRoom(store);
    const call = { baseUrl, accessToken: 'alice-token', roomId: ROOM };
    expect(await client.run('invite', { ...call, userId: BOB })).toEqual(success);
    const result = await client.run('invite', { ...call, userId: CAROL });
    const { retryAfterMs } = (result as { error: { retryAfterMs: number } }).error;
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    // From the header, in seconds. The deprecated field in the response body has milliseconds.
    expect(retryAfterMs % 1000).toBe(0);
    const expected = { isRateLimitError: true, retryAfterMs, backoffMs: retryAfterMs };
    expect(result).toEqual(sdkError(429, 'M_LIMIT_EXCEEDED', expected));
  });

  it('in its queue, which waits that long and then succeeds', async () => {
    const inviter = { points: 1, durationSeconds: 3 };
    const rateLimit = new MemoryRateLimit({ inviter, attempt: false, room: false, invitee: false });
    const { baseUrl, store } = await serve({ rateLimit });
    await seedRoom(store);
    const call = { baseUrl, accessToken: 'alice-token', roomId: ROOM, userIds: [BOB, CAROL] };
    const attempts = (await client.run('inviteInSequence', call)) as Attempt[];
    expect(attempts.map(({ userId, error }) => [userId, error?.errcode])).toEqual([
      [BOB, undefined],
      [CAROL, 'M_LIMIT_EXCEEDED'],
      [CAROL, undefined],
    ]);
    const [, refused, retried] = attempts;
    const waited = Number(retried?.startedAt) - Number(refused?.endedAt);
    // Node's timers can fire a millisecond early.
    expect(waited).toBeGreaterThanOrEqual(Number(refused?.error?.retryAfterMs) - 1);
    for (const userId of [BOB, CAROL]) {
      expect((await memberOf(store, userId))?.content.membership).toBe('invite');
    }
  });
});

type Attempt = {
  readonly userId: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly error?: { readonly errcode: string; readonly retryAfterMs: number };
};
