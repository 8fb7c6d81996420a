import { describe, expect, it } from 'vitest';
import {
  type TransactionalStorageOptions,
  transactionalStorage,
} from '../../../adapters/storage/transactional/index.ts';
import { isStorageUnavailable, StorageUnavailableError } from '../../../src/errors.ts';
import { createInviteService, type StateSnapshot, type StorageAdapter } from '../../../src/index.ts';
import type { StrippedStateEvent } from '../../../src/rooms/event.ts';
import { recordedLogger, refusalOf } from '../../invite/support.ts';
import { ConflictError, MemberTables } from '../../support/member-tables.ts';
import { ALICE, basisFor, CREATE, inTime, invite, inviteOf, member } from '../../support/storage-room.ts';

const BOB = '@bob:example.org';
const CAROL = '@carol:example.org';
const ROOM = '!room:example.org';
const KEYS = [CREATE, member(ALICE), member(BOB)];

type Options = TransactionalStorageOptions<Parameters<MemberTables['insert']>[0]>;

/** Opens a storage that remembers, on the functions of a host app, some of them replaced. Counts its transactions. */
function open(change: (host: MemberTables) => Partial<Options> = () => ({})) {
  const host = new MemberTables();
  host.addRoom(ROOM);
  const changed = change(host);
  const { transact = host.transact.bind(host) } = changed;
  const counted = { transactions: 0 };
  const storage = transactionalStorage({
    readState: host.readState,
    insert: host.insert,
    isConflict: (error) => error instanceof ConflictError,
    remember: true,
    ...changed,
    transact(...parameters) {
      counted.transactions += 1;
      return transact(...parameters);
    },
  });
  /** Invites through the service. Resolves to the outcome or the status, and the number of transactions. */
  const inviteInService = async (userId: string) => {
    const service = createInviteService({
      serverName: 'example.org',
      storage,
      rateLimit: false,
      logger: recordedLogger(),
    });
    counted.transactions = 0;
    const inviting = service.invite({ requester: { userId: ALICE }, roomId: ROOM, userId });
    const outcome = await inviting.then(
      (result) => result.outcome,
      async () => (await refusalOf(inviting)).status,
    );
    return [outcome, counted.transactions];
  };
  return { host, storage, inviteInService };
}

const recalled = (storage: StorageAdapter, userId: string = BOB) =>
  storage.recall?.(ROOM, [CREATE, member(ALICE), member(userId)]);

/** Returns what the storage recalls for an invite of Carol. */
function basisOn(storage: StorageAdapter): StateSnapshot {
  const basis = recalled(storage, CAROL);
  if (basis === undefined) throw new Error('nothing is remembered');
  return basis;
}

describe('transactionalStorage without remember', () => {
  it.each([undefined, false])('has no recall, and needs two transactions: %s', async (remember) => {
    const { storage, inviteInService } = open(() => ({ remember }));
    expect(storage).not.toHaveProperty('recall');
    expect(await inviteInService(BOB)).toEqual(['invited', 2]);
    expect(await inviteInService(CAROL)).toEqual(['invited', 2]);
  });
});

describe('transactionalStorage that remembers', () => {
  it('needs one transaction for an invite, from the second on', async () => {
    const { host, inviteInService } = open();
    expect(await inviteInService(BOB)).toEqual(['invited', 2]);
    expect(await inviteInService(CAROL)).toEqual(['invited', 1]);
    expect(await inviteInService('@dan:example.org')).toEqual(['invited', 1]);
    expect(host.rows('log')).toHaveLength(3);
  });

  it('needs one transaction to find a pending invite', async () => {
    const { inviteInService } = open();
    await inviteInService(BOB);
    expect(await inviteInService(BOB)).toEqual(['alreadyInvited', 1]);
    expect(await inviteInService(CAROL)).toEqual(['invited', 1]);
  });

  it('sees what the host app has changed since, and then forgets', async () => {
    const { host, inviteInService } = open();
    await inviteInService(BOB);
    host.setMember(ROOM, CAROL, 'ban');
    expect(await inviteInService(CAROL)).toEqual([403, 2]);
    expect(await inviteInService('@dan:example.org')).toEqual(['invited', 2]);
    host.setMember(ROOM, ALICE, 'ban');
    expect(await inviteInService('@erin:example.org')).toEqual([403, 2]);
    expect(await inviteInService('@erin:example.org')).toEqual([403, 1]);
    expect(host.rows('log')).toHaveLength(2);
  });

  it('remembers nothing that was only read', async () => {
    const { storage } = open();
    await basisFor(storage, ROOM, BOB);
    expect(recalled(storage)).toBeUndefined();
  });

  it('recalls what a read would return', async () => {
    const { storage } = open();
    await invite(storage, ROOM, BOB);
    const { events } = (await storage.readState(ROOM, KEYS, inTime())) ?? { events: [] };
    expect(recalled(storage)?.events).toEqual(events);
  });

  it('shares no object with the host app, which may keep and change what it returned', async () => {
    const kept: StrippedStateEvent[] = [];
    const { storage } = open((host) => ({
      async readState(...parameters) {
        const events = await host.readState(...parameters);
        kept.push(...(events ?? []));
        return events;
      },
    }));
    await invite(storage, ROOM, BOB);
    const before = recalled(storage);
    for (const event of kept) Object.assign(event.content, { membership: 'ban' });
    expect(recalled(storage)).toEqual(before);
    expect(before?.events[1]?.content).toEqual({ membership: 'join' });
  });

  it('keeps what it remembers after a conflict, but not the event that was rolled back', async () => {
    let isConflict = false;
    const { storage } = open((host) => ({
      transact: (roomId, work, context) =>
        host.transact(
          roomId,
          async (tx) => {
            const result = await work(tx);
            if (isConflict) throw new ConflictError();
            return result;
          },
          context,
        ),
    }));
    await invite(storage, ROOM, BOB);
    isConflict = true;
    expect(await storage.appendEvent(inviteOf(ROOM, CAROL), basisOn(storage), inTime())).toEqual({
      outcome: 'stale',
    });
    expect(storage.recall?.(ROOM, [member(BOB), member(CAROL)])?.events).toMatchObject([member(BOB)]);
  });

  it.each([true, false])('settles an append whose answer is lost: stored %s', async (isStored) => {
    let isLost = false;
    const { host, inviteInService } = open((tables) => ({
      async transact(roomId, work, context) {
        if (!isLost) return tables.transact(roomId, work, context);
        isLost = false;
        if (isStored) await tables.transact(roomId, work, context);
        throw new StorageUnavailableError('The connection was lost during the commit');
      },
    }));
    await inviteInService(BOB);
    isLost = true;
    // A host app without event IDs cannot tell whether the invite was stored and removed again.
    expect(await inviteInService(CAROL)).toEqual(isStored ? ['invited', 2] : [503, 2]);
    expect(await inviteInService(CAROL)).toEqual(isStored ? ['alreadyInvited', 2] : ['invited', 1]);
    expect(host.rows('log')).toHaveLength(2);
  });

  it('rejects as without memory if a later run of work finds the event of an earlier one', async () => {
    let isTwice = false;
    const { storage, host } = open((tables) => ({
      async transact(roomId, work, context) {
        const result = await tables.transact(roomId, work, context);
        return isTwice ? tables.transact(roomId, work, context) : result;
      },
    }));
    await invite(storage, ROOM, BOB);
    isTwice = true;
    await expect(storage.appendEvent(inviteOf(ROOM, CAROL), basisOn(storage), inTime())).rejects.toSatisfy(
      isStorageUnavailable,
    );
    expect(host.rows('log')).toHaveLength(2);
  });

  it.each<[string, () => object]>([
    ['a property that is undefined', () => ({ displayname: undefined })],
    ['a BigInt', () => ({ level: 1n })],
    ['a Date', () => ({ at: new Date(0) })],
    [
      'a getter that throws',
      () =>
        Object.defineProperty({}, 'level', {
          enumerable: true,
          get() {
            throw new Error('not readable');
          },
        }),
    ],
  ])('appends in a room whose state is not JSON, but does not remember it: %s', async (_what, content) => {
    const { storage, inviteInService } = open((host) => ({
      async readState(tx, roomId, keys) {
        const events = await host.readState(tx, roomId, keys);
        return events?.map((event) =>
          event.type === CREATE.type
            ? {
                ...event,
                event_id: '$create',
                content: Object.defineProperties(
                  { room_version: '11' },
                  Object.getOwnPropertyDescriptors(content()),
                ),
              }
            : event,
        );
      },
    }));
    expect(await inviteInService(BOB)).toEqual(['invited', 2]);
    expect(recalled(storage)).toBeUndefined();
    expect(await inviteInService(CAROL)).toEqual(['invited', 2]);
  });

  it('remembers a limited number of members of a room, and of rooms', async () => {
    const storage = transactionalStorage<undefined>({
      transact: (_roomId, work) => work(undefined),
      readState: async (_tx, _roomId, keys) =>
        keys.flatMap((key) =>
          key.type === CREATE.type ? [{ ...key, sender: ALICE, content: { room_version: '11' } }] : [],
        ),
      insert: async () => undefined,
      remember: true,
    });
    const guests = Array.from({ length: 70 }, (_, guest) => `@guest${guest}:example.org`);
    for (const guest of guests) await invite(storage, ROOM, guest);
    expect(storage.recall?.(ROOM, guests.map(member))?.events).toHaveLength(64);
    for (let room = 0; room < 10_000; room += 1) await invite(storage, `!room${room}:example.org`, BOB);
    expect(recalled(storage)).toBeUndefined();
    expect(storage.recall?.('!room0:example.org', [member(BOB)])?.events).toHaveLength(1);
  });
});
