import {
  createInviteCheckRouter,
  MatrixError,
  type RemoteInvites,
  type RequestOutcome,
} from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { describe, expect, it } from 'vitest';
import { never } from '../invite/support.ts';
import {
  agentOf,
  expectInvited,
  expectRefusal,
  invite,
  memberOf,
  ROOM,
  seedRoom,
  setUp,
  silent,
  tokens,
} from './support.ts';

const DAVE = '@dave:two.test';

type Result = ReturnType<RemoteInvites['invite']>;

async function setUpRemote(
  answer: (storage: MemoryStorage, ...parameters: Parameters<RemoteInvites['invite']>) => Result,
  timeoutMs = 20_000,
) {
  const storage = new MemoryStorage();
  await seedRoom(storage);
  const outcomes: RequestOutcome[] = [];
  const federation: RemoteInvites = {
    timeoutMs,
    stateKeys: () => [],
    concerns: ({ userId }) => userId === DAVE,
    objectionTo: () => undefined,
    invite: (...parameters) => answer(storage, ...parameters),
    abandon: async () => {},
  };
  const options = {
    serverName: 'example.org',
    storage,
    rateLimit: false,
    auth: tokens,
    federation,
    logger: silent,
  } as const;
  const { app, router } = setUp({ ...options, onOutcome: (outcome) => void outcomes.push(outcome) }, (host) =>
    host.use('/check', createInviteCheckRouter(options)),
  );
  return { app, router, storage, outcomes };
}

describe('an invite of a user of another server', () => {
  it('is a 200 once it is stored', async () => {
    const { app, storage, outcomes } = await setUpRemote(async (store, ...parameters) => ({
      ...(await store.appendEvent(...parameters)),
      remoteStatus: 200,
    }));
    expectInvited(await invite(app, { body: { user_id: DAVE } }));
    expect((await memberOf(storage, DAVE))?.content).toEqual({ membership: 'invite' });
    expect(outcomes).toMatchObject([
      { status: 200, outcome: 'invited', remoteServer: 'two.test', remoteStatus: 200 },
    ]);
  });

  it.each([
    [400, 'M_UNSUPPORTED_ROOM_VERSION'],
    [403, 'M_INVITE_BLOCKED'],
    [502, 'M_UNKNOWN'],
  ])('is a %i %s if the adapter says so', async (status, errcode) => {
    const error = new MatrixError(status, errcode, 'two.test: no');
    const { app, outcomes } = await setUpRemote(async () => ({
      outcome: 'refused',
      error,
      wasAsked: true,
      remoteStatus: status,
    }));
    expectRefusal(await invite(app, { body: { user_id: DAVE } }), status, errcode);
    expect(outcomes).toMatchObject([{ status, errcode, remoteServer: 'two.test', remoteStatus: status }]);
  });

  it('is a 504 if it takes too long', async () => {
    const { app, outcomes } = await setUpRemote(() => never(), 100);
    expectRefusal(await invite(app, { body: { user_id: DAVE } }), 504, 'M_UNKNOWN');
    expect(outcomes).toMatchObject([{ status: 504, failedCall: 'remote', remoteServer: 'two.test' }]);
  });

  it('is a 400 if its server cannot exist', async () => {
    const { app } = await setUpRemote(() => never());
    expectRefusal(await invite(app, { body: { user_id: '@dave:two.test:0' } }), 400, 'M_INVALID_PARAM');
  });

  it('is not sent by a dry run, which says so', async () => {
    const { app, outcomes } = await setUpRemote(() => never());
    const path = `/check/rooms/${encodeURIComponent(ROOM)}/invite/check?invitee=${encodeURIComponent(DAVE)}`;
    const response = await agentOf(app).get(path).set('Authorization', 'Bearer alice-token');
    expect([response.status, response.body]).toEqual([200, { allowed: true, remote: 'notAsked' }]);
    expect(outcomes).toEqual([]);
  });
});

describe('the router', () => {
  it('has resume, which does nothing without unfinished invites', async () => {
    const { router } = await setUpRemote(() => never());
    expect(await router.resume()).toEqual({ completed: 0, abandoned: 0, failed: 0 });
    await router.close();
  });
});
