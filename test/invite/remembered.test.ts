import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryRateLimit } from '../../adapters/rate-limit/memory.ts';
import { MemoryStorage } from '../../adapters/storage/memory.ts';
import { SqliteStorage } from '../../adapters/storage/sqlite/index.ts';
import {
  createInviteService,
  type InvitePolicy,
  type InviteService,
  isMatrixError,
  type StateKey,
  type StateSnapshot,
  type StorageAdapter,
} from '../../src/index.ts';
import type { RoomStore } from '../../src/ports/storage.ts';
import type { StateEvent, StrippedStateEvent } from '../../src/rooms/event.ts';
import { ALICE, BOB, CAROL, ROOM, seedRoom } from '../http/support.ts';
import { newSqlitePath, openSqlite } from '../support/sqlite-file.ts';
import { never, recordedLogger, refusalOf } from './support.ts';

/** A storage whose memory holds this state of the room, and counts reads. */
function remembering(store: RoomStore, state: () => readonly StateEvent[] | undefined) {
  const reads = { count: 0 };
  const storage: StorageAdapter = {
    readState(...read) {
      reads.count += 1;
      return store.readState(...read);
    },
    appendEvent: (...append) => store.appendEvent(...append),
    recall(roomId, keys): StateSnapshot | undefined {
      const events = state()?.filter((event) => keys.some((key) => isSame(key, event)));
      return events && { roomId, keys, events: structuredClone(events), revision: undefined };
    },
  };
  return { storage, reads };
}

const isSame = (one: StateKey, other: StateKey) =>
  one.type === other.type && one.state_key === other.state_key;

function fail(): never {
  throw new Error('a bug');
}

/** Returns the event with a content that throws when it is read. */
const unreadable = (event: StrippedStateEvent): StrippedStateEvent =>
  Object.defineProperty({ ...event }, 'content', { get: fail });

const UNREADABLE_LEVELS: StrippedStateEvent = {
  type: 'm.room.power_levels',
  state_key: '',
  sender: ALICE,
  content: { invite: 'fifty' },
};

type Options = Partial<Parameters<typeof createInviteService>[0]>;

function serviceOn(storage: StorageAdapter, options: Options = {}): InviteService {
  return createInviteService({
    serverName: 'example.org',
    storage,
    rateLimit: false,
    logger: recordedLogger(),
    ...options,
  });
}

const inviteOf = (userId: string) => ({ requester: { userId: ALICE }, roomId: ROOM, userId });

/** A room with Alice, and what its store remembers of it: its state at this moment. */
async function roomWithMemory() {
  const store = new MemoryStorage();
  await seedRoom(store);
  const state = await store.roomState(ROOM);
  return { store, ...remembering(store, () => state) };
}

describe('an invite on remembered state', () => {
  it('reads nothing if the append proves it', async () => {
    const { store, storage, reads } = await roomWithMemory();
    const trace = { tries: 0 };
    const { outcome } = await serviceOn(storage).invite(inviteOf(BOB), trace);
    expect([outcome, trace.tries, reads.count]).toEqual(['invited', 1, 0]);
    expect((await store.roomState(ROOM))?.filter(({ state_key }) => state_key === BOB)).toHaveLength(1);
  });

  it('is decided on a read if the room has changed', async () => {
    const { store, storage, reads } = await roomWithMemory();
    const member = { room_id: ROOM, type: 'm.room.member', sender: ALICE, origin_server_ts: 1 };
    await store.putState({ ...member, state_key: BOB, content: { membership: 'ban' } });
    expect((await refusalOf(serviceOn(storage).invite(inviteOf(BOB)))).status).toBe(403);
    expect(reads.count).toBe(1);
    await store.putState({ ...member, state_key: CAROL, content: { membership: 'leave' } });
    expect((await serviceOn(storage).invite(inviteOf(CAROL))).outcome).toBe('invited');
  });

  it('rests on a read for every answer that is not an appended invite', async () => {
    const { store, storage, reads } = await roomWithMemory();
    const service = serviceOn(storage);
    // The memory says that Mallory has not joined, and she has.
    const mallory = '@mallory:example.org';
    const member = { room_id: ROOM, type: 'm.room.member', sender: mallory, origin_server_ts: 1 };
    await store.putState({ ...member, state_key: mallory, content: { membership: 'join' } });
    const invite = { requester: { userId: mallory }, roomId: ROOM, userId: BOB };
    expect((await service.invite(invite)).outcome).toBe('invited');
    expect((await service.invite(inviteOf(BOB))).outcome).toBe('alreadyInvited');
    expect(reads.count).toBe(2);
  });

  it.each<[string, (recalled: StateSnapshot | undefined) => unknown, string[]]>([
    ['is nothing', () => undefined, []],
    ['has no create event', (recalled) => recalled && { ...recalled, events: recalled.events.slice(1) }, []],
    [
      'has a content that cannot be read',
      (recalled) => recalled && { ...recalled, events: recalled.events.map(unreadable) },
      [],
    ],
    [
      'has a power level that cannot be read',
      (recalled) => recalled && { ...recalled, events: [...recalled.events, UNREADABLE_LEVELS] },
      [],
    ],
    ['is an error', () => fail(), ['recall failed: the state is read instead']],
    ['is a promise that rejects', async () => fail(), ['recall failed: the state is read instead']],
  ])('is decided on a read if what the store remembers %s', async (_what, change, problems) => {
    const { store, storage, reads } = await roomWithMemory();
    const logger = recordedLogger();
    const recall: unknown = (roomId: string, keys: readonly StateKey[]) => {
      const recalled = storage.recall?.(roomId, keys);
      return keys.length === 1 && recalled?.events.length === 1 && problems.length === 0
        ? recalled
        : change(recalled);
    };
    const broken = { ...storage, recall } as StorageAdapter;
    expect((await serviceOn(broken, { logger }).invite(inviteOf(BOB))).outcome).toBe('invited');
    expect(reads.count).toBe(1);
    expect((await store.timeline(ROOM))?.events).toHaveLength(3);
    expect(logger.lines.flatMap(({ details }) => Reflect.get(details, 'problems'))).toEqual(problems);
  });

  it.each<[string, Options]>([
    ['exists', { users: { exists: fail } }],
    ['getAccountData', { users: { getAccountData: fail } }],
    ['a policy', { policies: [{ name: 'failing', decide: fail }] }],
    ['consume', { rateLimit: { consume: fail, refund: fail } }],
    ['beforeAppend', { beforeAppend: fail }],
  ])('is refused by the room if that has changed, although %s fails', async (_what, options) => {
    const { store, storage } = await roomWithMemory();
    const member = { room_id: ROOM, type: 'm.room.member', sender: ALICE, origin_server_ts: 1 };
    await store.putState({ ...member, state_key: ALICE, content: { membership: 'leave' } });
    const logger = recordedLogger();
    const trace = { tries: 0 };
    const inviting = serviceOn(storage, { ...options, logger }).invite(inviteOf(BOB), trace);
    expect((await refusalOf(inviting)).message).toBe('You are not in this room');
    expect(trace).toEqual({ tries: 1, reason: 'roomUnknownOrInviterNotJoined' });
    expect(logger.lines).toEqual([]);
  });

  it('is refused by a policy that is late, as without memory', async () => {
    const policies: InvitePolicy[] = [{ name: 'late', decide: () => never() }];
    for (const recall of [undefined, (await roomWithMemory()).storage.recall]) {
      const { storage } = await roomWithMemory();
      const logger = recordedLogger();
      const service = serviceOn({ ...storage, recall } as StorageAdapter, {
        policies,
        logger,
        deadlineMs: 20,
      });
      const trace = { tries: 0 };
      expect((await refusalOf(service.invite(inviteOf(BOB), trace))).message).toBe(
        'The invite could not be checked',
      );
      expect(trace).toEqual({ tries: 1, policy: 'late', failedCall: 'decide' });
      expect(logger.lines).toMatchObject([{ level: 'error', details: { policy: 'late' } }]);
    }
  });

  it('consumes the limits once, and answers a pending invite although they are used up', async () => {
    const { storage } = await roomWithMemory();
    const limits = { inviter: { points: 2, durationSeconds: 60 }, room: false, invitee: false } as const;
    const service = serviceOn(storage, { rateLimit: new MemoryRateLimit(limits) });
    expect((await service.invite(inviteOf(BOB))).outcome).toBe('invited');
    expect((await service.invite(inviteOf(BOB))).outcome).toBe('alreadyInvited');
    expect((await service.invite(inviteOf(CAROL))).outcome).toBe('invited');
    expect((await service.invite(inviteOf(CAROL))).outcome).toBe('alreadyInvited');
    expect((await refusalOf(service.invite(inviteOf('@dan:example.org')))).status).toBe(429);
  });

  it('asks a policy again only if it has looked at the remembered state', async () => {
    const { store, storage } = await roomWithMemory();
    const member = { room_id: ROOM, type: 'm.room.member', sender: ALICE, origin_server_ts: 1 };
    await store.putState({ ...member, state_key: BOB, content: { membership: 'leave' } });
    const asked: string[] = [];
    const policies: InvitePolicy[] = [
      {
        name: 'stateless',
        decide() {
          asked.push('stateless');
          return undefined;
        },
      },
      {
        name: 'of the state',
        decide({ state }) {
          asked.push(`of ${state.events.filter(({ state_key }) => state_key === BOB).length} events`);
          return undefined;
        },
      },
    ];
    expect((await serviceOn(storage, { policies }).invite(inviteOf(BOB))).outcome).toBe('invited');
    expect(asked).toEqual(['stateless', 'of 0 events', 'of 1 events']);
  });

  it('is not dropped or refused by a policy on remembered state', async () => {
    for (const decision of ['drop', { message: 'no' }] as const) {
      const { storage } = await roomWithMemory();
      let calls = 0;
      const changing: InvitePolicy = {
        name: 'changing',
        decide({ state }) {
          calls += state.events.length > 0 ? 1 : 0;
          return calls === 1 ? decision : undefined;
        },
      };
      expect((await serviceOn(storage, { policies: [changing] }).invite(inviteOf(BOB))).outcome).toBe(
        'invited',
      );
    }
  });
});

async function openRemembering() {
  const store = new SqliteStorage(openSqlite(await newSqlitePath()));
  await store.migrate();
  await seedRoom(store);
  return { store, service: serviceOn(store) };
}

describe('SqliteStorage', () => {
  it('remembers a room after the first invite', async () => {
    const statements: string[] = [];
    const database = openSqlite(await newSqlitePath());
    const store = new SqliteStorage({
      exec: (sql) => database.exec(sql),
      prepare(sql) {
        const statement = database.prepare(sql);
        return {
          get(...parameters) {
            statements.push(sql);
            return statement.get(...parameters);
          },
          all: (...parameters) => statement.all(...parameters),
          run: (...parameters) => statement.run(...parameters),
        };
      },
    });
    await store.migrate();
    await seedRoom(store);
    const service = serviceOn(store);
    const reads = () => statements.filter((sql) => sql.startsWith('SELECT EXISTS')).length;
    await service.invite(inviteOf(BOB));
    const before = reads();
    for (let guest = 0; guest < 200; guest += 1) await service.invite(inviteOf(`@guest${guest}:example.org`));
    expect(before).toBeGreaterThan(0);
    expect(reads()).toBe(before);
  });

  it('remembers a limited number of members of a room, and the inviter among them', async () => {
    const { store, service } = await openRemembering();
    const isRemembered = (userId: string) =>
      store.recall(ROOM, [{ type: 'm.room.member', state_key: userId }])?.events.length === 1;
    for (let guest = 0; guest < 70; guest += 1) await service.invite(inviteOf(`@guest${guest}:example.org`));
    const remembered = Array.from({ length: 70 }, (_, guest) => isRemembered(`@guest${guest}:example.org`));
    expect(remembered.filter(Boolean)).toHaveLength(63);
    expect([remembered[0], remembered[69], isRemembered(ALICE)]).toEqual([false, true, true]);
  });

  it('forgets the room that was used least recently once the contents take too much memory', async () => {
    const { store, service } = await openRemembering();
    await service.invite(inviteOf(BOB));
    const alice = [{ type: 'm.room.member', state_key: ALICE }];
    expect(store.recall(ROOM, alice)).toBeDefined();
    for (let room = 0; room < 9; room += 1) {
      const roomId = await seedRoom(store, { roomId: `!large${room}:example.org` });
      const reason = 'x'.repeat(1_000_000);
      const member = { type: 'm.room.member', sender: ALICE, origin_server_ts: 1, room_id: roomId };
      await service.invite({ ...inviteOf(BOB), roomId });
      await store.putState({ ...member, state_key: CAROL, content: { membership: 'leave', reason } });
    }
    expect(store.recall(ROOM, alice)).toBeUndefined();
    expect(store.recall('!large8:example.org', alice)).toBeDefined();
  });
});

const USERS = [ALICE, BOB, CAROL, '@dan:example.org'];
const user = fc.constantFrom(...USERS);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('invite' as const), sender: user, target: user }) },
  fc.record({
    kind: fc.constantFrom('join', 'leave', 'ban', 'invite level'),
    sender: user,
    target: user,
    level: fc.constantFrom(0, 50, 100),
  }),
);
/** For each invite, the number of changes that the memory is behind; undefined: it has forgotten the room. */
const ages = fc.array(fc.option(fc.nat({ max: 20 }), { nil: undefined }), { minLength: 1, maxLength: 20 });

describe('memory that is always wrong', () => {
  it('changes no answer and no state', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), ages, async (steps, behind) => {
        const outcomes = await Promise.all([play(steps, undefined), play(steps, behind)]);
        expect(outcomes[1]).toEqual(outcomes[0]);
      }),
      { numRuns: 200 },
    );
  });
});

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** Returns the answers of a service, and the memberships in the end. */
async function play(steps: readonly Step[], behind: readonly (number | undefined)[] | undefined) {
  const store = new MemoryStorage();
  await seedRoom(store);
  const history = [await store.roomState(ROOM)];
  let age: number | undefined;
  const { storage } = remembering(store, () => (age === undefined ? undefined : history.at(-1 - age)));
  const limits = { points: 4, durationSeconds: 600 };
  const service = serviceOn(storage, {
    rateLimit: new MemoryRateLimit({ inviter: limits, room: { ...limits, points: 12 }, invitee: limits }),
  });
  const answers: string[] = [];
  for (const [index, { kind, sender, target, ...more }] of steps.entries()) {
    age = behind?.[index % behind.length];
    if (kind === 'invite') {
      answers.push(
        await service.invite({ requester: { userId: sender }, roomId: ROOM, userId: target }).then(
          ({ outcome }) => outcome,
          (error: unknown) =>
            isMatrixError(error) ? `${error.status} ${error.errcode} ${error.message}` : String(error),
        ),
      );
    } else if (kind === 'invite level') {
      const content = { users: { [ALICE]: 100 }, invite: 'level' in more ? more.level : 0 };
      await store.putState({ ...event(sender), type: 'm.room.power_levels', state_key: '', content });
    } else {
      await store.putState({
        ...event(sender),
        type: 'm.room.member',
        state_key: target,
        content: { membership: kind },
      });
    }
    history.push(await store.roomState(ROOM));
  }
  const members = (await store.roomState(ROOM))?.map(({ type, state_key, sender, content }) => ({
    type,
    state_key,
    sender,
    content,
  }));
  return { answers, members };
}

const event = (sender: string) => ({ room_id: ROOM, sender, origin_server_ts: 1 });
