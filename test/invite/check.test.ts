import { type InviteServiceOptions, MatrixError, StorageUnavailableError } from 'express-matrix-invite';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { transactionalStorage } from 'express-matrix-invite/storage/transactional';
import { describe, expect, it } from 'vitest';
import { ALICE, BOB, CAROL, limits, MALLORY, ROOM, seedRoom } from '../http/support.ts';
import {
  aliceInvitesBob,
  around,
  never,
  putMember,
  refusalOf,
  requester,
  serviceOn,
  watched,
} from './support.ts';

async function dryRun(
  options: Partial<InviteServiceOptions> = {},
  request: Partial<typeof aliceInvitesBob> & { reason?: string } = {},
) {
  const store = new MemoryStorage();
  await seedRoom(store, {
    powerLevels: { invite: 50, users: { [ALICE]: 100 } },
    members: { [CAROL]: 'join', [MALLORY]: 'ban' },
  });
  const { service } = serviceOn({ storage: store, ...options });
  const before = await store.timeline(ROOM);
  const forecast = await service.check({ ...aliceInvitesBob, ...request });
  expect(await store.timeline(ROOM)).toEqual(before);
  return { forecast, service, store };
}

const drop = { policies: [{ name: 'spam', decide: () => 'drop' as const }] };
const refuse = {
  policies: [{ name: 'strict', decide: () => ({ message: 'No', errcode: 'M_NO', status: 418 }) }],
};
const remoteUser = '@bob:elsewhere.example';

/** Everything that can decide an invite: options that cause it, the request, the explanation, and the error. */
const cases: [
  name: string,
  options: Partial<InviteServiceOptions>,
  request: Partial<typeof aliceInvitesBob> & { reason?: string },
  explanation: object,
  expectedError: [status: number, errcode: string] | undefined,
][] = [
  ['nothing', {}, {}, { by: 'nothing' }, undefined],
  ['a policy that drops', drop, {}, { by: 'policy', policy: 'spam', isDrop: true }, undefined],
  ['a policy', refuse, {}, { by: 'policy', policy: 'strict', isDrop: false }, [418, 'M_NO']],
  ['a ban', {}, { userId: MALLORY }, { by: 'room', reason: 'inviteeBanned' }, [403, 'M_FORBIDDEN']],
  ['a membership', {}, { userId: CAROL }, { by: 'room', reason: 'inviteeJoined' }, [403, 'M_FORBIDDEN']],
  [
    'the power levels',
    {},
    { requester: { userId: CAROL } },
    { by: 'room', reason: 'insufficientPower' },
    [403, 'M_FORBIDDEN'],
  ],
  [
    'a room that does not exist',
    {},
    { roomId: '!none:example.org' },
    { by: 'room', reason: 'roomUnknownOrInviterNotJoined', isRoomUnknown: true },
    [403, 'M_FORBIDDEN'],
  ],
  ['an invitee of another server', {}, { userId: remoteUser }, { by: 'invitee' }, [403, 'M_FORBIDDEN']],
  [
    'an invitee who does not exist',
    { users: { exists: async () => false } },
    {},
    { by: 'invitee' },
    [403, 'M_FORBIDDEN'],
  ],
  [
    'an invitee who blocks invites',
    { users: { getAccountData: async () => ({ default_action: 'block' }) } },
    {},
    { by: 'invitee' },
    [403, 'M_INVITE_BLOCKED'],
  ],
  [
    'a guest',
    {},
    { requester: { ...requester, isGuest: true } },
    { by: 'requester' },
    [403, 'M_GUEST_ACCESS_FORBIDDEN'],
  ],
  ['the size of the event', {}, { reason: 'x'.repeat(70_000) }, { by: 'size' }, [413, 'M_TOO_LARGE']],
];

describe('a dry run', () => {
  it.each(cases)('explains what decides: %s', async (_case, options, request, explanation, expectedError) => {
    const { forecast, service } = await dryRun(options, request);
    expect(forecast.explanation).toEqual(explanation);
    expect(forecast.allowed).toBe(expectedError === undefined);
    expect(forecast.error && [forecast.error.status, forecast.error.errcode]).toEqual(expectedError);

    const real = service.invite({ ...aliceInvitesBob, ...request });
    if (forecast.error === undefined) await expect(real).resolves.toBeDefined();
    else expect((await refusalOf(real)).toJSON()).toEqual(forecast.error.toJSON());
  });

  it.each([403, 413])('reports the error of a storage that refuses to read the room: %i', async (status) => {
    const storage = transactionalStorage({
      transact: (_roomId, work) => work(undefined),
      readState: () =>
        Promise.reject(new MatrixError(status, 'ORG.EXAMPLE.ARCHIVED', 'The room is archived')),
      insert: async () => ({ eventId: '$none' }),
    });
    const { service } = serviceOn({ storage });
    const forecast = await service.check(aliceInvitesBob);
    expect(forecast).toMatchObject({ allowed: false, explanation: { by: 'storage' } });
    const real = await refusalOf(service.invite(aliceInvitesBob));
    expect([real.status, real.toJSON()]).toEqual([status, forecast.error?.toJSON()]);
  });

  it('reports a pending invite', async () => {
    const store = new MemoryStorage();
    await seedRoom(store);
    await putMember(store, BOB, 'invite');
    const { service } = serviceOn({ storage: store });
    expect(await service.check(aliceInvitesBob)).toEqual({ allowed: true, explanation: { by: 'pending' } });
  });

  it('reports which rate limit would refuse, and consumes nothing', async () => {
    const limit = new MemoryRateLimit({
      inviter: { points: 9, durationSeconds: 60 },
      room: { points: 2, durationSeconds: 600 },
      invitee: { points: 9, durationSeconds: 60 },
    });
    const { service, store } = serviceOn({ rateLimit: limit });
    await seedRoom(store);
    const newcomer = (n: number) => ({ ...aliceInvitesBob, userId: `@new${n}:example.org` });
    for (let n = 0; n < 20; n += 1) expect((await service.check(newcomer(n))).allowed).toBe(true);
    await service.invite(newcomer(1));
    await service.invite(newcomer(2));
    const forecast = await service.check(newcomer(3));
    expect(forecast).toMatchObject({
      allowed: false,
      error: { status: 429, errcode: 'M_LIMIT_EXCEEDED' },
      explanation: { by: 'rateLimit', scope: 'room' },
    });
    const real = await refusalOf(service.invite(newcomer(3)));
    expect(real.retryAfterMs).toBeGreaterThan(500_000);
    expect(Math.abs((real.retryAfterMs ?? 0) - (forecast.error?.retryAfterMs ?? 0))).toBeLessThan(60_000);
    expect(
      (await service.check({ ...newcomer(3), requester: { ...requester, isRateLimitExempt: true } })).allowed,
    ).toBe(true);
  });

  it('skips limits without peek, and does not peek at the invitee limit if a policy drops the invite', async () => {
    const withoutPeek = watched(limits(5));
    expect((await dryRun({ rateLimit: withoutPeek })).forecast.allowed).toBe(true);
    expect(withoutPeek.consumed).toEqual([]);

    const scopes: string[] = [];
    const peeking = {
      ...withoutPeek,
      peek: async (buckets: readonly { readonly scope: string }[]) => {
        scopes.push(...buckets.map(({ scope }) => scope));
        return { allowed: true as const };
      },
    };
    await dryRun({ rateLimit: peeking, ...drop });
    expect(scopes).toEqual(['inviter', 'room']);
  });

  it('calls neither beforeAppend nor onInvite', async () => {
    const calls: string[] = [];
    const { service } = await dryRun({
      beforeAppend: () => {
        calls.push('beforeAppend');
        return undefined;
      },
      onInvite: () => calls.push('onInvite'),
    });
    await service.close();
    expect(calls).toEqual([]);
  });

  it('rejects if it cannot decide', async () => {
    const down = around(new MemoryStorage(), {
      readState: () => Promise.reject(new StorageUnavailableError('down')),
    });
    const hung = around(new MemoryStorage(), { readState: never });
    const peek = () => Promise.reject(new Error('down'));
    const { store } = serviceOn();
    await seedRoom(store);
    for (const [options, status] of [
      [{ storage: down }, 503],
      [{ storage: hung, deadlineMs: 50 }, 503],
      [{ storage: store, rateLimit: { ...watched(limits(5)), peek } }, 503],
      [{ storage: around(store, { readState: () => Promise.reject(new Error('fault')) }) }, 500],
    ] as const) {
      expect((await refusalOf(serviceOn(options).service.check(aliceInvitesBob))).status).toBe(status);
    }
    const { service } = serviceOn();
    expect((await refusalOf(service.check({ ...aliceInvitesBob, userId: 'bob' }))).status).toBe(400);
    expect((await refusalOf(service.check({ ...aliceInvitesBob, roomId: 'room' }))).status).toBe(400);
    await service.close();
    expect((await refusalOf(service.check(aliceInvitesBob))).status).toBe(503);
  });
});
