import type { InviteRouterOptions, StrippedStateEvent } from 'express-matrix-invite';
import { StorageUnavailableError } from 'express-matrix-invite';
import { firstOf } from 'express-matrix-invite/auth/first-of';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import {
  type TransactionalStorageOptions,
  transactionalStorage,
} from 'express-matrix-invite/storage/transactional';
import { describe, expect, it } from 'vitest';
import {
  BOB,
  CAROL,
  invite,
  invitesOf,
  limits,
  ROOM,
  recordingLogger,
  seedRoom,
  setUp,
  tokens,
} from '../http/support.ts';
import { ConflictError, MemberTables } from '../support/member-tables.ts';
import { around, watched } from './support.ts';

type Options = TransactionalStorageOptions<Parameters<MemberTables['insert']>[0]>;
type Change = (host: MemberTables) => { [Name in keyof Options]?: unknown };

/** Invites Bob into a room of a host app, some of whose functions are replaced. */
async function inviteWith(change: Change) {
  const host = new MemberTables();
  host.addRoom(ROOM);
  const { logger, lines } = recordingLogger();
  const limit = watched(limits(10));
  const storage = transactionalStorage({
    transact: (...parameters) => host.transact(...parameters),
    readState: host.readState,
    insert: host.insert,
    isConflict: (error) => error instanceof ConflictError,
    ...(change(host) as Partial<Options>),
  });
  const { app } = setUp({ storage, logger, rateLimit: limit });
  const response = await invite(app);
  return { response, lines, host, stored: host.rows('log').length, refunds: limit.refunded.length };
}

/** Replaces the events that `readState` returns. */
const reading =
  (map: (events: readonly StrippedStateEvent[]) => unknown): Change =>
  (host) => ({
    readState: async (...parameters: Parameters<Options['readState']>) =>
      map((await host.readState(...parameters)) ?? []),
  });

const changing = (type: string, change: object): Change =>
  reading((events) => events.map((event) => (event.type === type ? { ...event, ...change } : event)));

const ofWork = 'transactionalStorage: transact must run work and resolve to what work resolves to';
const listOfEvents =
  'transactionalStorage: readState must resolve to a list of events, or to undefined if there is no such room';
const eventId = 'transactionalStorage: insert must resolve to { eventId }, with a string, or to nothing';
const field = (name: string, type: string, expected: string) =>
  `transactionalStorage: readState: "${name}" of ${type} must be ${expected}`;
const memberships = 'one of ban, invite, join, knock, leave';

const MISTAKES: readonly (readonly [mistake: string, change: Change, message: string])[] = [
  [
    'a transact that returns nothing',
    (host) => ({
      async transact(...parameters: Parameters<Options['transact']>) {
        await host.transact(...parameters);
      },
    }),
    ofWork,
  ],
  [
    'a transact that returns something else',
    (host) => ({
      async transact(...parameters: Parameters<Options['transact']>) {
        return { ...((await host.transact(...parameters)) as object) };
      },
    }),
    ofWork,
  ],
  ['a transact that never calls work', () => ({ transact: async () => ({ events: [] }) }), ofWork],
  [
    'a transact that does not wait for work',
    (host) => ({
      async transact(...parameters: Parameters<Options['transact']>) {
        void host.transact(...parameters);
      },
    }),
    ofWork,
  ],
  [
    'a transact that runs work twice at once',
    (host) => ({
      transact: (roomId: string, work: (tx: never) => Promise<unknown>, context: never) =>
        host.transact(
          roomId,
          async (tx) => (await Promise.all([work(tx as never), work(tx as never)]))[0],
          context,
        ),
    }),
    'transactionalStorage: transact must not run work twice at once',
  ],
  [
    'a transact that returns the result of an earlier run',
    (host) => ({
      async transact(...parameters: Parameters<Options['transact']>) {
        const first = await host.transact(...parameters);
        await host.transact(...parameters);
        return first;
      },
    }),
    ofWork,
  ],
  [
    'an isConflict that is async',
    () => ({ insert: () => Promise.reject(new Error('lost')), isConflict: async () => false }),
    'transactionalStorage: isConflict must return a boolean, not object',
  ],
  ['a single event', reading(([event]) => event), listOfEvents],
  ['a map of events', reading((events) => new Map(events.map((event) => [event.type, event]))), listOfEvents],
  ['a list of promises', reading((events) => events.map(async (event) => event)), listOfEvents],
  ['a list with null for a missing event', reading((events) => [...events, null]), listOfEvents],
  [
    'an event and one that it has replaced',
    reading((events) => [...events, ...events.slice(0, 1)]),
    'transactionalStorage: readState must resolve to one event for each key: the current one',
  ],
  [
    'an event without its type',
    changing('m.room.create', { type: undefined }),
    field('type', 'an event', 'a string'),
  ],
  [
    'an event with stateKey',
    changing('m.room.create', { state_key: undefined, stateKey: '' }),
    field('state_key', 'm.room.create', 'a string'),
  ],
  [
    'a sender that is a row number',
    changing('m.room.member', { sender: 7 }),
    field('sender', 'm.room.member', 'a full Matrix user ID'),
  ],
  [
    'a sender that is a bare name',
    changing('m.room.create', { sender: 'alice' }),
    field('sender', 'm.room.create', 'a full Matrix user ID'),
  ],
  [
    'a member with a bare name',
    changing('m.room.member', { state_key: 'alice' }),
    field('state_key', 'm.room.member', 'a full Matrix user ID'),
  ],
  [
    'content that is not parsed',
    changing('m.room.member', { content: '{"membership":"join"}' }),
    field('content', 'm.room.member', 'an object'),
  ],
  [
    'content that is a promise',
    changing('m.room.member', { content: Promise.resolve({ membership: 'join' }) }),
    field('content', 'm.room.member', 'an object'),
  ],
  [
    'content that is an array',
    changing('m.room.create', { content: [] }),
    field('content', 'm.room.create', 'an object'),
  ],
  [
    'an event ID that is a number',
    changing('m.room.member', { event_id: 7 }),
    field('event_id', 'm.room.member', 'a string, or left out'),
  ],
  ...[{ membership: 'joined' }, { membership: 'JOIN' }, { membership: true }, { status: 'join' }].map(
    (content) =>
      [
        `a membership of ${JSON.stringify(content)}`,
        changing('m.room.member', { content }),
        field('content.membership', 'm.room.member', memberships),
      ] as const,
  ),
  ['an insert that returns a list of rows', () => ({ insert: async () => [{ id: 7 }] }), eventId],
  ['an insert that returns an object without an ID', () => ({ insert: async () => ({}) }), eventId],
  ['an insert that returns the ID itself', () => ({ insert: async () => 'event-1' }), eventId],
  ['an insert that returns a row number', () => ({ insert: async () => ({ eventId: 7 }) }), eventId],
];

describe('a mistake in the functions of transactionalStorage', () => {
  it.each(MISTAKES)('is a 500 whose cause says what was expected: %s', async (_mistake, change, message) => {
    const { response, lines, stored } = await inviteWith(change);
    expect([response.status, response.body.errcode]).toEqual([500, 'M_UNKNOWN']);
    expect(lines).toMatchObject([
      { level: 'error', details: { err: { cause: { name: 'TypeError', message } } } },
    ]);
    expect(stored).toBe(0);
  });

  it('refunds the limits if it was rolled back', async () => {
    const { response, refunds } = await inviteWith(() => ({ insert: async () => ({ eventId: 7 }) }));
    expect([response.status, refunds]).toEqual([500, 1]);
  });

  it('refunds nothing if the event may be stored', async () => {
    const { response, lines, stored, refunds } = await inviteWith((host) => ({
      async transact(...parameters: Parameters<Options['transact']>) {
        const result = await host.transact(...parameters);
        return 'outcome' in (result as object) ? undefined : result;
      },
    }));
    expect([response.status, stored, refunds]).toEqual([200, 1, 0]);
    expect(lines).toEqual([]);
  });

  it('does not insert after transact has given up', async () => {
    const leftBehind: Promise<unknown>[] = [];
    let calls = 0;
    const { response, host, refunds } = await inviteWith((host) => ({
      async transact(...parameters: Parameters<Options['transact']>) {
        calls += 1;
        const running = host.transact(...parameters);
        // Every other call is an append.
        if (calls % 2 === 1) return running;
        running.catch(() => {});
        leftBehind.push(running);
        throw new Error('The app has its own time limit');
      },
    }));
    const ends = await Promise.allSettled(leftBehind);
    expect([response.status, refunds]).toEqual([503, 1]);
    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set(['rejected']));
    expect(host.rows('log')).toEqual([]);
  });

  it('names the mistake in work even if transact wraps its error, or hides it', async () => {
    const mistake = changing('m.room.member', { content: { membership: 'joined' } });
    const message = field('content.membership', 'm.room.member', memberships);
    for (const hide of [
      (cause: unknown) => Promise.reject(new Error('transaction failed', { cause })),
      async () => undefined,
    ]) {
      const { response, lines } = await inviteWith((host) => ({
        ...mistake(host),
        transact: (...parameters: Parameters<Options['transact']>) =>
          host.transact(...parameters).catch(hide),
      }));
      expect(response.status).toBe(500);
      expect(lines).toMatchObject([{ level: 'error', details: { err: { cause: { message } } } }]);
    }
  });
});

describe('transactionalStorage', () => {
  it('recognizes its event if transact runs work again after it was stored', async () => {
    let runs = 0;
    const { response, stored } = await inviteWith((host) => ({
      async transact(...parameters: Parameters<Options['transact']>) {
        const first = await host.transact(...parameters);
        if ('events' in (first as object)) return first;
        runs += 1;
        return host.transact(...parameters);
      },
    }));
    expect([response.status, stored, runs]).toEqual([200, 1, 1]);
  });

  it('takes null for a room that does not exist', async () => {
    const { response } = await inviteWith(() => ({ readState: async () => null }));
    expect(response.status).toBe(403);
  });
});

/** JavaScript's own errors, as host functions throw them by mistake. */
const FAULTS: readonly (readonly [name: string, fault: () => unknown])[] = [
  ['a TypeError', () => Reflect.get(Object(undefined), 'rows').length],
  ['a ReferenceError', () => new Function('return rowz')()],
  ['a SyntaxError of JSON.parse', () => JSON.parse('{"membership":')],
  ['a RangeError', () => new Date(Number.NaN).toISOString()],
];

/** Errors of services that are down. */
const OUTAGES: readonly (readonly [name: string, outage: () => Promise<unknown>])[] = [
  ['an Error', () => Promise.reject(new Error('connect ECONNREFUSED'))],
  ['the TypeError of fetch', () => fetch('http://127.0.0.1:1')],
  ['a timeout', () => fetch('http://127.0.0.1:1', { signal: AbortSignal.timeout(0) })],
  ['a string', () => Promise.reject('down')],
];

type Failing = (fail: () => never) => Partial<InviteRouterOptions>;

const FUNCTIONS: readonly (readonly [name: string, options: Failing])[] = [
  ['authenticate', (fail) => ({ auth: { authenticate: async () => fail() } })],
  ['authenticate in firstOf', (fail) => ({ auth: firstOf({ authenticate: async () => fail() }) })],
  [
    'authenticate of a session',
    (fail) => ({ auth: tokens, session: { authenticate: async () => fail(), allowedOrigins: [] } }),
  ],
  ['exists', (fail) => ({ users: { exists: async () => fail() } })],
  ['getAccountData', (fail) => ({ users: { getAccountData: async () => fail() } })],
  ['consume', (fail) => ({ rateLimit: { consume: async () => fail(), refund: async () => {} } })],
  [
    'readState of transactionalStorage',
    (fail) => ({ storage: transactionalStorage({ ...tables(), readState: async () => fail() }) }),
  ],
  [
    'transact of transactionalStorage',
    (fail) => ({ storage: transactionalStorage({ ...tables(), transact: async () => fail() }) }),
  ],
  [
    'insert of transactionalStorage',
    (fail) => ({ storage: transactionalStorage({ ...tables(), insert: async () => fail() }) }),
  ],
];

function tables() {
  const host = new MemberTables();
  host.addRoom(ROOM);
  return { transact: host.transact.bind(host), readState: host.readState, insert: host.insert };
}

describe('the response to an error of a host function', () => {
  const withFunctions = <T extends readonly unknown[]>(errors: readonly T[]) =>
    FUNCTIONS.flatMap(([name, options]) => errors.map(([error, fail]) => ({ name, options, error, fail })));

  it.each(withFunctions(FAULTS))(
    'is a 500 and an error in the log for $error in $name',
    async ({ name, options, fail }) => {
      const { logger, lines } = recordingLogger();
      const { app, store } = setUp({ logger, ...options(fail as () => never) });
      await seedRoom(store);
      const response = await invite(app, name.endsWith('session') ? { token: null } : {});
      expect([response.status, response.headers['retry-after']]).toEqual([500, undefined]);
      expect(lines.map(({ level }) => level)).toEqual(['error']);
      expect(await invitesOf(store, BOB)).toBe(0);
    },
  );

  it.each(withFunctions(OUTAGES))(
    'is a 503 and a warning for $error in $name',
    async ({ name, options, fail }) => {
      const { logger, lines } = recordingLogger();
      const { app, store } = setUp({ logger, ...options(fail as () => never) });
      await seedRoom(store);
      const response = await invite(app, name.endsWith('session') ? { token: null } : {});
      expect([response.status, response.headers['retry-after']]).toEqual([503, '1']);
      expect(lines.map(({ level }) => level)).toEqual(['warn']);
      expect(await invitesOf(store, BOB)).toBe(0);
    },
  );

  it('is a 503 if one of several adapters is down, whatever mistake the others have', async () => {
    const broken = { authenticate: async () => JSON.parse('<html>') };
    const down = { authenticate: () => Promise.reject(new Error('down')) };
    const { logger } = recordingLogger();
    expect((await invite(setUp({ logger, auth: firstOf(broken, down) }).app)).status).toBe(503);
    expect((await invite(setUp({ logger, auth: firstOf(broken, broken) }).app)).status).toBe(500);
  });

  it('is a 200 and an error in the log for a mistake in getProfile', async () => {
    const { logger, lines } = recordingLogger();
    const { app, store } = setUp({ logger, users: { getProfile: async () => JSON.parse('') } });
    await seedRoom(store);
    expect((await invite(app)).status).toBe(200);
    expect(lines.map(({ level }) => level)).toEqual(['error']);
  });

  it('is that of an outage for causes that are a circle', async () => {
    const circle = new TypeError('circle');
    circle.cause = circle;
    const storage = around(new MemoryStorage(), {
      readState: () => Promise.reject(new StorageUnavailableError('down', { cause: circle })),
    });
    const { logger } = recordingLogger();
    expect((await invite(setUp({ logger, storage }).app)).status).toBe(503);
  });
});

describe('a room that does not exist', () => {
  it("is told apart from one that the inviter has not joined, but only in the host's log", async () => {
    const lines: object[] = [];
    const logger = { debug() {}, info: (details: object) => lines.push(details), warn() {}, error() {} };
    const { app, store } = setUp({ logger: logger as never });
    await seedRoom(store);
    const unknown = await invite(app, { roomId: '!none:example.org' });
    const notJoined = await invite(app, { token: 'carol-token', body: { user_id: BOB } });
    expect([unknown.status, unknown.body]).toEqual([notJoined.status, notJoined.body]);
    const reason = 'roomUnknownOrInviterNotJoined';
    expect(lines).toMatchObject([
      { reason, isRoomUnknown: true },
      { reason, requesterId: CAROL },
    ]);
    expect(Object.keys(lines[1] ?? {})).not.toContain('isRoomUnknown');
  });
});
