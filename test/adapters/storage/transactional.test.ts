import { describe, expect, it } from 'vitest';
import {
  type TransactionalStorageOptions,
  transactionalStorage,
} from '../../../adapters/storage/transactional/index.ts';
import { isStorageUnavailable, MatrixError, StorageUnavailableError } from '../../../src/errors.ts';
import { ConflictError, MemberTables } from '../../support/member-tables.ts';
import { ALICE, basisFor, CREATE, inTime, invite, inviteOf, member } from '../../support/storage-room.ts';

const BOB = '@bob:example.org';
const ROOM = '!room:example.org';

type Options = TransactionalStorageOptions<Parameters<MemberTables['insert']>[0]>;

/** Opens a storage on the functions of a host app, some of them replaced. */
function open(change: (host: MemberTables) => Partial<Options> = () => ({})) {
  const host = new MemberTables();
  host.addRoom(ROOM);
  const storage = transactionalStorage({
    transact: (...parameters) => host.transact(...parameters),
    readState: host.readState,
    insert: host.insert,
    isConflict: (error) => error instanceof ConflictError,
    ...change(host),
  });
  return { host, storage };
}

describe('reading', () => {
  it('returns the events that the host app derived from its tables', async () => {
    const { storage } = open();
    expect(await storage.readState(ROOM, [CREATE, member(ALICE), member(BOB)], inTime())).toEqual({
      roomId: ROOM,
      keys: [CREATE, member(ALICE), member(BOB)],
      events: [
        { ...CREATE, sender: ALICE, content: { room_version: '11' } },
        { ...member(ALICE), sender: ALICE, content: { membership: 'join' } },
      ],
      revision: undefined,
    });
  });

  it('returns undefined for a room that the host app does not have', async () => {
    expect(await open().storage.readState('!none:example.org', [CREATE], inTime())).toBeUndefined();
  });

  it('calls the functions of the host app with their own this', async () => {
    const host = new MemberTables();
    host.addRoom(ROOM);
    expect(await invite(transactionalStorage(host), ROOM, BOB)).toMatchObject({ outcome: 'appended' });
  });

  it('repeats a read after a conflict, up to five reads', async () => {
    let conflicts = 4;
    let reads = 0;
    const { storage } = open((host) => ({
      async readState(...parameters) {
        reads += 1;
        if (reads <= conflicts) throw new ConflictError();
        return host.readState(...parameters);
      },
    }));
    expect((await storage.readState(ROOM, [CREATE], inTime()))?.events).toHaveLength(1);
    [reads, conflicts] = [0, Number.POSITIVE_INFINITY];
    await expect(storage.readState(ROOM, [CREATE], inTime())).rejects.toSatisfy(isStorageUnavailable);
    expect(reads).toBe(5);
  });

  it.each([
    [new TypeError('fetch failed'), 'ERR_STORAGE_UNAVAILABLE'],
    [new StorageUnavailableError('down'), 'ERR_STORAGE_UNAVAILABLE'],
    [new MatrixError(403, 'M_FORBIDDEN', 'No'), 'ERR_MATRIX'],
  ])('rejects after %s with %s', async (error, code) => {
    const { storage } = open(() => ({ readState: () => Promise.reject(error) }));
    await expect(storage.readState(ROOM, [CREATE], inTime())).rejects.toHaveProperty('code', code);
  });
});

describe('appending', () => {
  it('stores the event and returns the ID from the host app', async () => {
    const { host, storage } = open();
    const basis = await basisFor(storage, ROOM, BOB);
    expect(await storage.appendEvent(inviteOf(ROOM, BOB, 'come'), basis, inTime())).toEqual({
      outcome: 'appended',
      eventId: 'invite-1',
    });
    expect(host.rows('members')).toContainEqual(
      expect.objectContaining({ user: BOB, membership: 'invite', reason: 'come' }),
    );
  });

  it('needs no ID from a host app without event IDs', async () => {
    const { host, storage } = open((tables) => ({
      async insert(...call) {
        await tables.insert(...call);
      },
    }));
    const basis = await basisFor(storage, ROOM, BOB);
    expect(await storage.appendEvent(inviteOf(ROOM, BOB), basis, inTime())).toEqual({ outcome: 'appended' });
    expect(host.rows('members')).toContainEqual(expect.objectContaining({ user: BOB, membership: 'invite' }));
  });

  it.each<[string, (host: MemberTables) => void, string]>([
    ['the inviter is banned', (host) => host.setMember(ROOM, ALICE, 'ban'), 'stale'],
    ['the invitee joins', (host) => host.setMember(ROOM, BOB, 'join'), 'stale'],
    ['the content changes', (host) => host.setMember(ROOM, ALICE, 'join', 'again'), 'stale'],
    ['the inviter joins once more', (host) => host.setMember(ROOM, ALICE, 'join'), 'appended'],
    ['another user is banned', (host) => host.setMember(ROOM, '@c:example.org', 'ban'), 'appended'],
  ])('compares the basis with the current state: when %s', async (_, change, outcome) => {
    const { host, storage } = open();
    const basis = await basisFor(storage, ROOM, BOB);
    change(host);
    expect(await storage.appendEvent(inviteOf(ROOM, BOB), basis, inTime())).toMatchObject({ outcome });
    expect(host.rows('log')).toHaveLength(outcome === 'appended' ? 1 : 0);
  });

  it('is stale in a room that no longer exists', async () => {
    const { storage } = open();
    const basis = { roomId: '!none:example.org', keys: [member(BOB)], events: [], revision: undefined };
    expect(await storage.appendEvent(inviteOf('!none:example.org', BOB), basis, inTime())).toEqual({
      outcome: 'stale',
    });
  });

  it('appends one of a hundred invites of one user, and all of a hundred users', async () => {
    const { host, storage } = open();
    const basis = await basisFor(storage, ROOM, BOB);
    const ofBob = await Promise.all(
      Array.from({ length: 100 }, () => storage.appendEvent(inviteOf(ROOM, BOB), basis, inTime())),
    );
    expect(ofBob.filter(({ outcome }) => outcome === 'appended')).toHaveLength(1);
    expect(ofBob.filter(({ outcome }) => outcome === 'stale')).toHaveLength(99);
    const ofMany = await Promise.all(
      Array.from({ length: 100 }, (_, index) => invite(storage, ROOM, `@user${index}:example.org`)),
    );
    expect(ofMany.filter(({ outcome }) => outcome === 'appended')).toHaveLength(100);
    expect(host.rows('log')).toHaveLength(101);
  });

  it('is refused and stores nothing when insert throws a MatrixError', async () => {
    const { host, storage } = open();
    const basis = await basisFor(storage, ROOM, BOB);
    const result = await storage.appendEvent(inviteOf(ROOM, BOB, 'refuse me'), basis, inTime());
    expect(result).toMatchObject({ outcome: 'refused', error: { errcode: 'M_TOO_LARGE', status: 413 } });
    expect(host.rows('log')).toEqual([]);
    expect(host.rows('members')).toHaveLength(1);
  });

  it('is stale after a conflict', async () => {
    const { storage } = open((host) => ({
      async transact(...parameters) {
        const result = await host.transact(...parameters);
        if ((result as { outcome?: string }).outcome === 'appended') throw new ConflictError();
        return result;
      },
    }));
    expect(await invite(storage, ROOM, BOB)).toEqual({ outcome: 'stale' });
  });

  it('rejects when the connection is lost during the commit, because the outcome is unknown', async () => {
    const lost = new Error('Connection terminated unexpectedly');
    const { host, storage } = open((tables) => ({
      async transact(...parameters) {
        const result = await tables.transact(...parameters);
        if ((result as { outcome?: string }).outcome === 'appended') throw lost;
        return result;
      },
    }));
    const appending = invite(storage, ROOM, BOB);
    await expect(appending).rejects.toSatisfy(isStorageUnavailable);
    await expect(appending).rejects.toHaveProperty('cause', lost);
    expect(host.rows('log')).toHaveLength(1);
  });

  it('passes on a StorageUnavailableError of the host app unchanged', async () => {
    const down = new StorageUnavailableError('down');
    const { storage } = open(() => ({ insert: () => Promise.reject(down) }));
    await expect(invite(storage, ROOM, BOB)).rejects.toBe(down);
  });

  it('recognizes no conflict without isConflict', async () => {
    const { storage } = open(() => ({
      insert: () => Promise.reject(new ConflictError()),
      isConflict: undefined,
    }));
    await expect(invite(storage, ROOM, BOB)).rejects.toSatisfy(isStorageUnavailable);
  });

  it('stores nothing if the signal is aborted before the lock or during the wait for it', async () => {
    const deadline = new AbortController();
    let transactions = 0;
    const { host, storage } = open((tables) => ({
      transact(...parameters) {
        transactions += 1;
        return tables.transact(...parameters);
      },
      async readState(...parameters) {
        const state = await tables.readState(...parameters);
        if (parameters[2].length === 3) deadline.abort();
        return state;
      },
    }));
    const keys = [CREATE, member(BOB)];
    const short = await storage.readState(ROOM, keys, inTime());
    const basis = short && { ...short, keys: [...keys, member('@none:example.org')] };
    if (basis === undefined) throw new Error('no room');
    for (const when of ['during', 'before']) {
      const appending = storage.appendEvent(inviteOf(ROOM, BOB), basis, { signal: deadline.signal });
      await expect(appending, when).rejects.toSatisfy(isStorageUnavailable);
    }
    expect(host.rows('log')).toEqual([]);
    expect(transactions).toBe(2);
  });
});
