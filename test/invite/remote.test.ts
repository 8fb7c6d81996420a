import {
  type InviteNotice,
  type InviteServiceOptions,
  type InviteTrace,
  MatrixError,
  type RemoteInvites,
  StorageUnavailableError,
} from 'express-matrix-invite';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { range } from '../../src/testing/random.ts';
import { ALICE, BOB, limits, memberOf, ROOM, seedRoom } from '../http/support.ts';
import { TestInbox } from '../support/test-inbox.ts';
import { ReferenceRemoteInvites, type ReferenceTables } from '../testing/reference/remote-invites.ts';
import {
  deferred,
  never,
  putMember,
  recordedLogger,
  refusalOf,
  requester,
  serviceOn,
  watched,
} from './support.ts';

const DAVE = '@dave:two.test';
const aliceInvitesDave = { requester, roomId: ROOM, userId: DAVE };

type Changes = {
  readonly options?: Partial<InviteServiceOptions>;
  /** Functions that replace those of the adapter. */
  readonly federation?: (adapter: ReferenceRemoteInvites) => Partial<RemoteInvites>;
  readonly points?: number;
};

/** A service with the room of the tests, an adapter for remote invites, and the server of Dave. */
async function setUp({ options, federation, points = 5 }: Changes = {}) {
  const inbox = await TestInbox.listen();
  onTestFinished(() => inbox.close());
  const tables: ReferenceTables = { rooms: new Map(), built: new Map(), locks: new Map() };
  const adapter = new ReferenceRemoteInvites(tables, inbox.url);
  const { storage: store } = adapter;
  await seedRoom(store);
  const rateLimit = watched(limits(points));
  const notices: InviteNotice[] = [];
  const logger = recordedLogger();
  const replaced = federation?.(adapter) ?? {};
  const wrapped: RemoteInvites = {
    timeoutMs: replaced.timeoutMs ?? adapter.timeoutMs,
    stateKeys: replaced.stateKeys ?? ((invite) => adapter.stateKeys(invite)),
    concerns: replaced.concerns ?? ((...parameters) => adapter.concerns(...parameters)),
    objectionTo: replaced.objectionTo ?? ((...parameters) => adapter.objectionTo(...parameters)),
    invite: replaced.invite ?? ((...parameters) => adapter.invite(...parameters)),
    abandon: replaced.abandon ?? ((event) => adapter.abandon(event)),
    unfinished: replaced.unfinished ?? (() => adapter.unfinished()),
  };
  const { service } = serviceOn({
    storage: store,
    rateLimit,
    logger,
    onInvite: (notice) => void notices.push(notice),
    federation: wrapped,
    ...options,
  });
  const invites = async (userId = DAVE) => {
    const { events = [] } = (await store.timeline(ROOM, { limit: 1_000 })) ?? {};
    return events.filter(({ state_key, content }) => state_key === userId && content.membership === 'invite');
  };
  return { inbox, tables, adapter, store, rateLimit, notices, logger, service, invites };
}

/** Resolves once Dave's server has been asked. */
async function untilAsked(inbox: TestInbox): Promise<void> {
  await expect.poll(() => inbox.asked(DAVE)).toBe(1);
}

/** From here on, time advances only through `vi.advanceTimersByTime`, however busy the machine is. */
function stopTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
}

describe('an invite of a user of another server', () => {
  it('is accepted there, and then stored and notified here', async () => {
    const { service, inbox, invites, notices, rateLimit, store } = await setUp();
    const trace: InviteTrace = { tries: 0 };
    const result = await service.invite({ ...aliceInvitesDave, reason: 'Join us' }, trace);
    const [event, ...others] = await invites();
    expect(others).toEqual([]);
    expect(event).toMatchObject({ sender: ALICE, content: { membership: 'invite', reason: 'Join us' } });
    expect(result).toEqual({ outcome: 'invited', eventId: event?.event_id });
    expect([...inbox.invites]).toEqual([[event?.event_id, DAVE]]);
    await service.close();
    expect(notices).toMatchObject([{ requester, eventId: event?.event_id }]);
    expect(rateLimit.consumed).toEqual([
      [
        { scope: 'inviter', key: ALICE },
        { scope: 'room', key: ROOM },
        { scope: 'invitee', key: DAVE },
      ],
    ]);
    expect(rateLimit.refunded).toEqual([]);
    expect(trace).toEqual({ tries: 1, remoteServer: 'two.test', remoteStatus: 200 });
    expect((await memberOf(store, DAVE))?.event_id).toBe(event?.event_id);
  });

  it('is refused with a 403 without the option, and nobody is asked', async () => {
    const { service, inbox } = await setUp({ options: { federation: undefined } });
    const error = await refusalOf(service.invite(aliceInvitesDave));
    expect([error.status, error.message]).toEqual([
      403,
      'Users of other servers cannot be invited from here',
    ]);
    expect(inbox.requests).toEqual([]);
  });

  it('is refused with a 403 if the adapter is not concerned', async () => {
    const { service, inbox } = await setUp({ federation: () => ({ concerns: () => false }) });
    const error = await refusalOf(service.invite(aliceInvitesDave));
    expect([error.status, error.message]).toEqual([
      403,
      'Users of other servers cannot be invited from here',
    ]);
    expect(inbox.requests).toEqual([]);
  });

  it.each(['two.test:0', 'two.test:65536', '1.2.3', '0x7f.1', '256.1.1.1', '[::zz]'])(
    'is a 400 if the server cannot exist: %s',
    async (server) => {
      const { service, inbox, rateLimit } = await setUp();
      for (const request of [service.invite, service.check]) {
        const sent = request({ ...aliceInvitesDave, userId: `@dave:${server}` });
        const forecast = await sent.then(
          (value) => ('error' in value ? value.error : value),
          (error: unknown) => error,
        );
        expect(forecast).toMatchObject({ status: 400, errcode: 'M_INVALID_PARAM' });
      }
      expect([inbox.requests, rateLimit.consumed]).toEqual([[], []]);
    },
  );

  it.each(['two.test:8448', '127.0.0.1', '[::1]:8448', 'TWO.test'])('is made for %s', async (server) => {
    const { service, inbox } = await setUp();
    const userId = `@dave:${server}`;
    await service.invite({ ...aliceInvitesDave, userId });
    expect([...inbox.invites.values()]).toEqual([userId]);
  });

  it('asks the room first: nobody else hears of an invite that it refuses', async () => {
    const objections: string[] = [];
    const { service, inbox, store, rateLimit } = await setUp({
      federation: () => ({ objectionTo: ({ userId }) => void objections.push(userId) as undefined }),
    });
    await putMember(store, DAVE, 'ban');
    expect(await refusalOf(service.invite(aliceInvitesDave))).toMatchObject({ status: 403 });
    expect([objections, inbox.requests, rateLimit.consumed]).toEqual([[], [], []]);
  });

  it('is refused by an objection before policies, limits and other servers', async () => {
    const policies = [{ name: 'p', decide: vi.fn(() => undefined) }];
    const error = new MatrixError(403, 'M_FORBIDDEN', 'The room denies two.test');
    const { service, inbox, rateLimit } = await setUp({
      options: { policies },
      federation: () => ({ objectionTo: () => error }),
    });
    expect(await refusalOf(service.invite(aliceInvitesDave))).toBe(error);
    expect(await service.check(aliceInvitesDave)).toEqual({
      allowed: false,
      error,
      explanation: { by: 'federation' },
    });
    expect(policies[0]?.decide).not.toHaveBeenCalled();
    expect([inbox.requests, rateLimit.consumed]).toEqual([[], []]);
  });

  it('gives the adapter the state that it asked for', async () => {
    const seen: unknown[] = [];
    const { service, store } = await setUp({
      federation: () => ({
        objectionTo: (invite, { events }) =>
          void seen.push(
            invite,
            events.find(({ type }) => type === 'm.room.server_acl')?.content,
          ) as undefined,
      }),
    });
    await store.putState({
      room_id: ROOM,
      type: 'm.room.server_acl',
      state_key: '',
      sender: ALICE,
      origin_server_ts: 2,
      content: { allow: ['*'] },
    });
    await service.invite(aliceInvitesDave);
    expect(seen).toEqual([{ roomId: ROOM, sender: ALICE, userId: DAVE }, { allow: ['*'] }]);
  });

  it('is a 200 if it is pending, and nobody is asked', async () => {
    const { service, inbox, store, rateLimit } = await setUp();
    await putMember(store, DAVE, 'invite');
    expect(await service.invite(aliceInvitesDave)).toMatchObject({ outcome: 'alreadyInvited' });
    expect([inbox.requests, rateLimit.consumed]).toEqual([[], []]);
  });

  it('never asks users of this server about the invitee, but does about others', async () => {
    const users = {
      exists: vi.fn(async () => true),
      getProfile: vi.fn(async () => ({})),
      getAccountData: vi.fn(async () => undefined),
    };
    const { service } = await setUp({ options: { users } });
    await service.invite(aliceInvitesDave);
    await service.check({ ...aliceInvitesDave, userId: '@erin:two.test' });
    for (const asked of Object.values(users)) expect(asked).not.toHaveBeenCalled();
    await service.invite({ ...aliceInvitesDave, userId: BOB });
    for (const asked of Object.values(users)) expect(asked).toHaveBeenCalledTimes(1);
  });

  it('asks the policies, and consumes the limits, before another server is asked', async () => {
    const dropping = { name: 'd', decide: () => 'drop' as const };
    const refusing = { name: 'r', decide: () => ({ message: 'no' }) };
    const dropped = await setUp({ options: { policies: [dropping] } });
    expect(await dropped.service.invite(aliceInvitesDave)).toEqual({ outcome: 'dropped' });
    const refused = await setUp({ options: { policies: [refusing] } });
    expect(await refusalOf(refused.service.invite(aliceInvitesDave))).toMatchObject({ status: 403 });
    const limited = await setUp({ options: { rateLimit: limits(1) } });
    await limited.service.invite({ ...aliceInvitesDave, userId: BOB });
    expect(await refusalOf(limited.service.invite(aliceInvitesDave))).toMatchObject({ status: 429 });
    for (const { inbox } of [dropped, refused, limited]) expect(inbox.requests).toEqual([]);
  });

  it('applies beforeAppend, and its veto, before another server is asked', async () => {
    const { service, inbox, invites, rateLimit } = await setUp({
      options: {
        beforeAppend: ({ event }) => {
          if (event.content.reason === 'veto') throw new MatrixError(403, 'M_FORBIDDEN', 'veto');
          return { content: { ...event.content, extra: 1 } };
        },
      },
    });
    await refusalOf(service.invite({ ...aliceInvitesDave, reason: 'veto' }));
    expect([inbox.requests.length, rateLimit.refunded.length]).toEqual([0, 1]);
    await service.invite(aliceInvitesDave);
    expect(await invites()).toMatchObject([{ content: { membership: 'invite', extra: 1 } }]);
  });

  it('takes another road for a local invitee whom the adapter is concerned by', async () => {
    const invite = vi.fn<RemoteInvites['invite']>(async () => ({ outcome: 'appended', eventId: '$1' }));
    const { service } = await setUp({ federation: () => ({ concerns: () => true, invite }) });
    const trace: InviteTrace = { tries: 0 };
    expect(await service.invite({ ...aliceInvitesDave, userId: BOB }, trace)).toMatchObject({
      eventId: '$1',
    });
    expect(invite).toHaveBeenCalledTimes(1);
    expect(trace).toEqual({ tries: 1 });
  });

  it('leaves local invites to the store', async () => {
    const { service, inbox, invites } = await setUp();
    expect(await service.invite({ ...aliceInvitesDave, userId: BOB })).toMatchObject({ outcome: 'invited' });
    expect(inbox.requests).toEqual([]);
    expect(await invites(BOB)).toHaveLength(1);
  });

  it('does not use what the store remembers', async () => {
    const bases: unknown[] = [];
    const { service, store } = await setUp({
      federation: (adapter) => ({
        invite: (event, basis, context) => {
          bases.push(basis.events.find(({ state_key }) => state_key === ALICE)?.content);
          return adapter.invite(event, basis, context);
        },
      }),
    });
    const recall = vi.spyOn(store, 'recall');
    await service.invite({ ...aliceInvitesDave, userId: BOB });
    await service.invite({ ...aliceInvitesDave, userId: '@erin:example.org' });
    expect(recall).toHaveBeenCalled();
    recall.mockClear();
    await service.invite(aliceInvitesDave);
    expect(recall).not.toHaveBeenCalled();
    expect(bases).toEqual([{ membership: 'join' }]);
  });
});

describe('a dry run about a user of another server', () => {
  it('says that the other server was not asked', async () => {
    const { service, inbox, rateLimit } = await setUp();
    expect(await service.check(aliceInvitesDave)).toEqual({
      allowed: true,
      explanation: { by: 'nothing' },
      remote: 'notAsked',
    });
    expect(await service.check({ ...aliceInvitesDave, userId: BOB })).toEqual({
      allowed: true,
      explanation: { by: 'nothing' },
    });
    expect([inbox.requests, rateLimit.consumed]).toEqual([[], []]);
  });
});

describe('the answer of the other server', () => {
  it.each([true, false])(
    'is the response if it refuses, and points stay consumed if it was asked: %s',
    async (wasAsked) => {
      const error = new MatrixError(403, 'M_INVITE_BLOCKED', 'two.test: No thanks', {
        cause: new Error('why'),
      });
      const { service, rateLimit, invites } = await setUp({
        federation: () => ({
          invite: async () => ({ outcome: 'refused', error, wasAsked, remoteStatus: 403 }),
        }),
      });
      const trace: InviteTrace = { tries: 0 };
      expect(await refusalOf(service.invite(aliceInvitesDave, trace))).toBe(error);
      expect(rateLimit.refunded).toHaveLength(wasAsked ? 0 : 1);
      expect(trace).toEqual({
        tries: 1,
        ...(wasAsked ? { remoteServer: 'two.test', remoteStatus: 403 } : {}),
      });
      expect(await invites()).toEqual([]);
    },
  );

  it.each([
    ['no outcome', {}],
    ['an unknown outcome', { outcome: 'invited' }],
    ['nothing', undefined],
    ['a forgotten await', { outcome: 'refused', error: {}, wasAsked: true }],
  ])('is a 500 for %s, and points stay consumed', async (_what, result) => {
    const { service, rateLimit } = await setUp({
      federation: () => ({ invite: async () => result as never }),
    });
    expect(await refusalOf(service.invite(aliceInvitesDave))).toMatchObject({
      status: 500,
      errcode: 'M_UNKNOWN',
    });
    expect(rateLimit.refunded).toEqual([]);
  });

  it.each([
    ['stateKeys', Promise.resolve([])],
    ['stateKeys', [{ type: 'm.room.server_acl', stateKey: '' }]],
    ['concerns', Promise.resolve(true)],
    ['concerns', undefined],
    ['objectionTo', Promise.resolve(undefined)],
    ['objectionTo', null],
  ])('is a 500 that names the mistake in %s', async (name, result) => {
    const { service, inbox, rateLimit } = await setUp({ federation: () => ({ [name]: () => result }) });
    const { status, cause } = await refusalOf(service.invite(aliceInvitesDave));
    expect([status, String(cause)]).toEqual([
      500,
      expect.stringContaining(`TypeError: federation.${name} must return`),
    ]);
    expect([inbox.requests, rateLimit.consumed]).toEqual([[], []]);
  });

  it.each([
    [503, new Error('down')],
    [503, new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') })],
    [500, new TypeError('undefined is not a function')],
  ])('is a %i if the adapter fails with %s, and points stay consumed', async (status, reason) => {
    const { service, rateLimit } = await setUp({
      federation: () => ({ invite: () => Promise.reject(reason) }),
    });
    const trace: InviteTrace = { tries: 0 };
    expect(await refusalOf(service.invite(aliceInvitesDave, trace))).toMatchObject({ status });
    expect(rateLimit.refunded).toEqual([]);
    expect(trace).toMatchObject({ failedCall: 'remote', remoteServer: 'two.test' });
  });

  it.each([
    [502, 502],
    // Only a result can say that the room will never have the event.
    [403, 503],
  ])(
    'is left for resume if the adapter rejects with a %i, and the response is a %i',
    async (status, expected) => {
      const error = new MatrixError(status, 'M_UNKNOWN', "The user's server did not respond");
      let isDown = true;
      const { service, rateLimit, invites } = await setUp({
        federation: (adapter) => ({
          async invite(event, ...others) {
            if (!isDown) return adapter.invite(event, ...others);
            await adapter.build(event);
            throw error;
          },
        }),
      });
      expect(await refusalOf(service.invite(aliceInvitesDave))).toMatchObject({ status: expected });
      expect(await invites()).toEqual([]);
      isDown = false;
      expect(await service.resume()).toEqual({ completed: 1, abandoned: 0, failed: 0 });
      expect(await invites()).toHaveLength(1);
      expect(rateLimit.refunded).toEqual([]);
    },
  );
});

describe('time', () => {
  it('has its own limit while another server is asked, and none of deadlineMs', async () => {
    const { service, inbox } = await setUp({ options: { deadlineMs: 500 } });
    inbox.behave('wait');
    stopTime();
    const invited = service.invite(aliceInvitesDave);
    await untilAsked(inbox);
    vi.advanceTimersByTime(700);
    inbox.behave('accept');
    expect(await invited).toMatchObject({ outcome: 'invited' });
  });

  it('starts anew after the other server was asked', async () => {
    const { service } = await setUp({
      options: {
        deadlineMs: 1_000,
        beforeAppend: () => void vi.advanceTimersByTime(700) as undefined,
      },
      federation: (adapter) => {
        let calls = 0;
        return {
          invite: async (...parameters) => {
            calls += 1;
            return calls === 1 ? { outcome: 'stale' } : adapter.invite(...parameters);
          },
        };
      },
    });
    stopTime();
    expect(await service.invite(aliceInvitesDave)).toMatchObject({ outcome: 'invited' });
  });

  it('ends with a 504, and a late answer is still stored and notified', async () => {
    const { service, inbox, invites, notices, rateLimit, adapter } = await setUp({
      federation: () => ({
        timeoutMs: 300,
        invite: (event, basis) => adapter.invite(event, basis, { signal: new AbortController().signal }),
      }),
    });
    inbox.behave('wait');
    const trace: InviteTrace = { tries: 0 };
    const error = await refusalOf(service.invite(aliceInvitesDave, trace));
    expect([error.status, error.errcode]).toEqual([504, 'M_UNKNOWN']);
    expect(trace).toEqual({ tries: 1, failedCall: 'remote', remoteServer: 'two.test' });
    inbox.behave('accept');
    await service.close();
    expect(await invites()).toHaveLength(1);
    expect(notices).toHaveLength(1);
    expect(rateLimit.refunded).toEqual([]);
  });

  it('refunds when a late answer says that nobody was asked', async () => {
    const gate = deferred();
    const error = new MatrixError(502, 'M_UNKNOWN', 'No');
    const { service, rateLimit } = await setUp({
      federation: () => ({
        timeoutMs: 100,
        async invite() {
          await gate.promise;
          return { outcome: 'refused', error, wasAsked: false };
        },
      }),
    });
    expect(await refusalOf(service.invite(aliceInvitesDave))).toMatchObject({ status: 504 });
    expect(rateLimit.refunded).toEqual([]);
    gate.resolve();
    await service.close();
    expect(rateLimit.refunded).toHaveLength(1);
  });

  it('bounds all rounds together', async () => {
    let calls = 0;
    const { service } = await setUp({
      federation: () => ({
        timeoutMs: 200,
        async invite() {
          calls += 1;
          await new Promise((resolve) => setTimeout(resolve, 150));
          return { outcome: 'stale' };
        },
      }),
    });
    expect(await refusalOf(service.invite(aliceInvitesDave))).toMatchObject({ status: 504 });
    expect(calls).toBeLessThanOrEqual(2);
  });

  it('of other invites in the room passes while a server hangs', async () => {
    const { service, inbox, invites } = await setUp({ points: 100 });
    inbox.behave('wait');
    const hanging = service.invite(aliceInvitesDave);
    await untilAsked(inbox);
    const locals = range(20).map((index) => `@local${index}:example.org`);
    for (const userId of locals) {
      expect(await service.invite({ ...aliceInvitesDave, userId })).toMatchObject({ outcome: 'invited' });
      expect(await invites(userId)).toHaveLength(1);
    }
    expect(await invites()).toEqual([]);
    inbox.behave('accept');
    expect(await hanging).toMatchObject({ outcome: 'invited' });
  });

  it('is given to a running invite when the service closes', async () => {
    const { service, inbox, invites } = await setUp({ options: { deadlineMs: 200 } });
    inbox.behave('wait');
    stopTime();
    const invited = service.invite(aliceInvitesDave);
    await untilAsked(inbox);
    const closed = service.close();
    vi.advanceTimersByTime(500);
    inbox.behave('accept');
    await closed;
    expect(await invites()).toHaveLength(1);
    expect(await invited).toMatchObject({ outcome: 'invited' });
  });
});

describe('a room that changes while the other server is asked', () => {
  async function changedMeanwhile(
    change: (store: ReferenceRemoteInvites['storage']) => Promise<unknown>,
    changes: Changes = {},
  ) {
    const host = await setUp(changes);
    host.inbox.behave('wait');
    const invited = host.service.invite(aliceInvitesDave);
    invited.catch(() => {});
    await untilAsked(host.inbox);
    await change(host.store);
    host.inbox.behave('accept');
    return { ...host, invited };
  }

  it('refuses the invite by its rules, which is then given up', async () => {
    const { service, invited, invites, tables, rateLimit } = await changedMeanwhile((store) =>
      putMember(store, ALICE, 'leave'),
    );
    expect(await refusalOf(invited)).toMatchObject({ status: 403, message: 'You are not in this room' });
    await service.close();
    expect(await invites()).toEqual([]);
    expect(tables.built.size).toBe(0);
    expect(rateLimit.refunded).toEqual([]);
  });

  it('may have another invite pending, which is a 200', async () => {
    const { service, invited, invites, tables } = await changedMeanwhile((store) =>
      putMember(store, DAVE, 'invite', BOB),
    );
    expect(await invited).toMatchObject({ outcome: 'alreadyInvited' });
    await service.close();
    expect(await invites()).toHaveLength(1);
    expect(tables.built.size).toBe(0);
  });

  it('is decided again, and nobody is asked twice and nothing consumed twice', async () => {
    const { invited, invites, inbox, rateLimit, tables } = await changedMeanwhile((store) =>
      putMember(store, DAVE, 'leave'),
    );
    expect(await invited).toMatchObject({ outcome: 'invited' });
    expect(await invites()).toHaveLength(1);
    expect(inbox.requests).toHaveLength(1);
    expect(rateLimit.consumed).toHaveLength(1);
    expect(tables.built.size).toBe(0);
  });

  it('may be refused by a policy by then, which is given up', async () => {
    let isOpen = true;
    const policies = [{ name: 'p', decide: () => (isOpen ? undefined : { message: 'closed' }) }];
    const { invited, service, tables, rateLimit } = await changedMeanwhile(
      (store) => {
        isOpen = false;
        return putMember(store, DAVE, 'leave');
      },
      { options: { policies } },
    );
    expect(await refusalOf(invited)).toMatchObject({ status: 403, message: 'closed' });
    await service.close();
    expect([tables.built.size, rateLimit.refunded]).toEqual([0, []]);
  });

  it('is given up and refunded if it never settles, and certainly nobody was asked', async () => {
    const abandoned: unknown[] = [];
    const { service, rateLimit } = await setUp({
      federation: () => ({
        invite: async () => ({ outcome: 'stale', wasAsked: false }),
        abandon: async ({ state_key }) => void abandoned.push(state_key),
      }),
    });
    const trace: InviteTrace = { tries: 0 };
    expect(await refusalOf(service.invite(aliceInvitesDave, trace))).toMatchObject({ status: 503 });
    await service.close();
    expect([rateLimit.refunded.length, abandoned]).toEqual([1, [DAVE]]);
    expect(trace).toEqual({ tries: 10 });
  });

  it('is left for resume if it never settles, and the other server was asked', async () => {
    const abandon = vi.fn(async () => {});
    const { service, rateLimit } = await setUp({
      federation: () => ({ invite: async () => ({ outcome: 'stale' }), abandon }),
    });
    expect(await refusalOf(service.invite(aliceInvitesDave))).toMatchObject({ status: 503 });
    await service.close();
    expect([rateLimit.refunded, abandon.mock.calls]).toEqual([[], []]);
  });

  it('changes nothing about the response if giving up fails', async () => {
    const { invited, logger, service } = await changedMeanwhile((store) => putMember(store, ALICE, 'leave'), {
      federation: () => ({ abandon: () => Promise.reject(new Error('down')) }),
    });
    expect(await refusalOf(invited)).toMatchObject({ status: 403 });
    await service.close();
    expect(JSON.stringify(logger.lines)).toContain('A remote invite could not be given up');
  });

  it('gives up the first content if beforeAppend returns another one', async () => {
    let calls = 0;
    const { invited, invites, service, tables } = await changedMeanwhile(
      (store) => putMember(store, DAVE, 'leave'),
      {
        options: {
          beforeAppend({ event }) {
            calls += 1;
            return { content: { ...event.content, try: calls } };
          },
        },
      },
    );
    expect(await invited).toMatchObject({ outcome: 'invited' });
    await service.close();
    expect(await invites()).toMatchObject([{ content: { try: 2 } }]);
    expect(tables.built.size).toBe(0);
  });
});

describe('an unknown outcome', () => {
  it.each([true, false])(
    'ends in one event and one notification, if the first call was stored: %s',
    async (isStored) => {
      let calls = 0;
      const { service, invites, notices, inbox, rateLimit } = await setUp({
        federation: (adapter) => ({
          async invite(...parameters) {
            calls += 1;
            if (calls > 1) return adapter.invite(...parameters);
            if (isStored) await adapter.invite(...parameters);
            throw new StorageUnavailableError('The connection was lost during the commit');
          },
        }),
      });
      expect(await service.invite(aliceInvitesDave)).toMatchObject({ outcome: 'invited' });
      await service.close();
      expect(await invites()).toHaveLength(1);
      expect(notices).toHaveLength(1);
      expect(inbox.invites.size).toBe(1);
      expect(rateLimit.refunded).toEqual([]);
      expect(calls).toBe(isStored ? 1 : 2);
    },
  );

  it('is a 503 if the invitee has declined in between', async () => {
    const { service, invites, notices } = await setUp({
      federation: (adapter) => ({
        async invite(...parameters) {
          await adapter.invite(...parameters);
          await putMember(adapter.storage, DAVE, 'leave', DAVE);
          throw new StorageUnavailableError('The connection was lost during the commit');
        },
      }),
    });
    expect(await refusalOf(service.invite(aliceInvitesDave))).toMatchObject({ status: 503 });
    await service.close();
    expect([(await invites()).length, notices.length]).toEqual([1, 0]);
  });
});

describe('many equal invites at once', () => {
  it('store one event, which the other server has accepted', async () => {
    const { service, invites, inbox } = await setUp({ points: 100 });
    const results = await Promise.all(range(20).map(() => service.invite(aliceInvitesDave)));
    const [event, ...others] = await invites();
    expect(others).toEqual([]);
    expect(new Set(results.map((result) => ('eventId' in result ? result.eventId : '')))).toEqual(
      new Set([event?.event_id]),
    );
    expect([...inbox.invites.keys()]).toContain(event?.event_id);
  });

  it('of 32 users take about as long as one', async () => {
    const { service, inbox } = await setUp({ points: 100 });
    inbox.behave('wait');
    const users = range(32).map((index) => `@dave${index}:two.test`);
    const invited = users.map((userId) => service.invite({ ...aliceInvitesDave, userId }));
    await expect.poll(() => inbox.requests).toHaveLength(32);
    inbox.behave('accept');
    for (const result of await Promise.all(invited)) expect(result).toMatchObject({ outcome: 'invited' });
  });
});

describe('resume', () => {
  /** A service that crashed while the other server was asked, and what is left of it. */
  async function crashed(changes: Changes = {}) {
    const host = await setUp(changes);
    const event = {
      room_id: ROOM,
      type: 'm.room.member',
      state_key: DAVE,
      sender: ALICE,
      origin_server_ts: 1,
      content: { membership: 'invite' },
    };
    await host.adapter.build(event);
    return { ...host, event };
  }

  it('completes an invite, without policies and limits', async () => {
    const policy = { name: 'p', decide: vi.fn(() => ({ message: 'no' })), stateKeys: vi.fn(() => []) };
    const { service, invites, notices, inbox, rateLimit, tables } = await crashed({
      options: { policies: [policy] },
    });
    expect(await service.resume()).toEqual({ completed: 1, abandoned: 0, failed: 0 });
    await service.close();
    expect(await invites()).toHaveLength(1);
    expect([notices.length, inbox.invites.size, tables.built.size]).toEqual([1, 1, 0]);
    expect(notices[0]?.requester).toEqual({ userId: ALICE });
    expect(policy.decide).not.toHaveBeenCalled();
    expect(policy.stateKeys).not.toHaveBeenCalled();
    expect(rateLimit.consumed).toEqual([]);
  });

  it.each([
    ['the inviter has left', ALICE, 'leave'],
    ['the invitee is banned', DAVE, 'ban'],
    ['the invitee has joined', DAVE, 'join'],
    ['another invite is pending', DAVE, 'invite'],
  ])('gives an invite up if %s, and asks nobody', async (_what, userId, membership) => {
    const { service, store, inbox, tables, notices } = await crashed();
    await putMember(store, userId, membership, BOB);
    expect(await service.resume()).toEqual({ completed: 0, abandoned: 1, failed: 0 });
    await service.close();
    expect([inbox.requests, tables.built.size, notices]).toEqual([[], 0, []]);
  });

  it.each([403, 502])('heeds an objection with the status %i', async (status) => {
    const error = new MatrixError(status, 'M_UNKNOWN', 'no');
    const { service, inbox, tables } = await crashed({ federation: () => ({ objectionTo: () => error }) });
    const isLasting = status < 500;
    expect(await service.resume()).toEqual({
      completed: 0,
      abandoned: isLasting ? 1 : 0,
      failed: isLasting ? 0 : 1,
    });
    await service.close();
    expect([inbox.requests, tables.built.size]).toEqual([[], isLasting ? 0 : 1]);
  });

  it('gives an invite up if the other server refuses it', async () => {
    const { service, inbox, tables } = await crashed();
    inbox.behave('refuse');
    expect(await service.resume()).toEqual({ completed: 0, abandoned: 1, failed: 0 });
    expect(tables.built.size).toBe(0);
  });

  it('tries again later what fails, and holds up no other invite', async () => {
    const { service, adapter, event, inbox, tables, invites } = await crashed({
      federation: (its) => ({
        timeoutMs: 200,
        invite: (each, ...others) => (each.state_key === DAVE ? never() : its.invite(each, ...others)),
      }),
    });
    await adapter.build({ ...event, state_key: '@erin:two.test' });
    stopTime();
    const resumed = service.resume();
    await expect.poll(() => invites('@erin:two.test')).toHaveLength(1);
    vi.advanceTimersByTime(200);
    expect(await resumed).toEqual({ completed: 1, abandoned: 0, failed: 1 });
    expect([...inbox.invites.values()]).toEqual(['@erin:two.test']);
    expect(tables.built.size).toBe(1);
  });

  it('runs once at a time in a process, and in several processes at once', async () => {
    const { service, adapter, event, invites, inbox, tables } = await crashed();
    for (const index of range(30)) await adapter.build({ ...event, state_key: `@erin${index}:two.test` });
    const others = range(3).map(() => {
      const federation = new ReferenceRemoteInvites(tables, inbox.url);
      return serviceOn({ storage: federation.storage, federation }).service;
    });
    const both = [service.resume(), service.resume()];
    expect(await both[0]).toBe(await both[1]);
    const results = await Promise.all([...others, service].map((each) => each.resume()));
    expect(results.every(({ failed }) => failed === 0)).toBe(true);
    for (const userId of [DAVE, ...range(30).map((index) => `@erin${index}:two.test`)])
      expect(await invites(userId)).toHaveLength(1);
  });

  const failing = (next: () => Promise<unknown>) => () => ({ [Symbol.asyncIterator]: () => ({ next }) });

  it.each([
    ['unfinished rejects', failing(() => Promise.reject(new Error('down')))],
    ['unfinished hangs', failing(() => never())],
    [
      'an event is no invite',
      async function* () {
        yield { event: { type: 'm.room.topic' } };
      },
    ],
    [
      'there is no event',
      async function* () {
        yield undefined;
      },
    ],
    ['unfinished returns a list', () => []],
    ['unfinished returns nothing', () => undefined],
    ['unfinished returns a promise that rejects', () => Promise.reject(new Error('down'))],
  ])('never rejects: %s', async (_what, unfinished) => {
    const { service, logger } = await setUp({
      options: { deadlineMs: 200 },
      federation: () => ({ unfinished: unfinished as never }),
    });
    expect(await service.resume()).toEqual({ completed: 0, abandoned: 0, failed: 1 });
    expect(logger.lines).toHaveLength(1);
  });

  it('does nothing without federation, and after close', async () => {
    expect(await serviceOn().service.resume()).toEqual({ completed: 0, abandoned: 0, failed: 0 });
    const { service, inbox } = await crashed();
    await service.close();
    expect(await service.resume()).toEqual({ completed: 0, abandoned: 0, failed: 0 });
    expect(inbox.requests).toEqual([]);
  });
});
