import type { StateSnapshot } from '../../ports/storage.ts';
import type { StateKey } from '../../rooms/event.ts';
import { CREATE_KEY, memberKey, POWER_LEVELS_KEY } from '../../rooms/room-state.ts';
import { byKey, check, checkSame, tamper } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { newRoomId, range } from '../random.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { CaseRoom, eventOf } from './room.ts';

type Harness = Pick<StorageHarness, 'adapter'>;

/** Recalls the keys. The result must be a snapshot or `undefined`, and not a promise. */
function recall({ adapter }: Harness, roomId: string, keys: readonly StateKey[]): StateSnapshot | undefined {
  check(adapter.recall !== undefined, 'the harness sets recall, but the adapter has no method recall');
  const snapshot = adapter.recall(roomId, keys);
  check(snapshot === undefined || Array.isArray(snapshot.events), 'recall returned no snapshot');
  return snapshot;
}

/** Returns the keys of an invite by Alice. */
const keysFor = (room: CaseRoom, userId: string) => [
  CREATE_KEY,
  POWER_LEVELS_KEY,
  memberKey(room.alice),
  memberKey(userId),
];

/** Reads a room, and appends an invite on that: an adapter may remember only what an append has proved. */
async function readAndInvite(room: CaseRoom): Promise<void> {
  const guest = await room.stranger();
  checkSame(
    (await room.invite(guest, await room.basisFor(guest))).outcome,
    'appended',
    'outcome of an invite',
  );
}

/**
 * Appends invites on what the adapter recalls, until it recalls nothing or an append succeeds. The number of invites
 * has a limit, because an adapter might never forget.
 */
async function inviteAsRecalled(harness: Harness, room: CaseRoom, userId: string): Promise<void> {
  for (const _ of range(3)) {
    const basis = recall(harness, room.id, keysFor(room, userId));
    if (basis === undefined) return;
    if ((await room.invite(userId, basis)).outcome === 'appended') return;
  }
  throw new Error('recall still returned what appendEvent has called stale');
}

/** Appends power levels through another instance, if there is one. */
async function appendPowerLevels(harness: StorageHarness, room: CaseRoom, userId: string): Promise<void> {
  const other = (await harness.secondInstance?.()) ?? harness.adapter;
  const basis = await room.basisFor(userId, other);
  const levels = { ...room.levels(100) };
  await room.append(room.event(POWER_LEVELS_KEY, { ...levels, users: { ...levels.users } }), basis, other);
}

export const recallCases: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: 'recalls what an append has proved, at once',
    postcondition: 'recall 1',
    requires: ['recall'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const keys = keysFor(room, await room.stranger());
      await readAndInvite(room);
      const recalled = recall(harness, room.id, keys);
      const read = await room.read(keys);
      check(recalled !== undefined, 'recall returned undefined right after an append');
      checkSame(recalled.roomId, room.id, 'roomId');
      checkSame(recalled.keys, keys, 'keys');
      checkSame(byKey(recalled.events), byKey(read.events), 'events');
    },
  }),
  storageCase({
    name: 'recalls nothing of a room that it has not seen',
    postcondition: 'recall 2',
    requires: ['recall'],
    async run(harness) {
      checkSame(recall(harness, newRoomId(), [CREATE_KEY]), undefined, 'recall of an unknown room');
    },
  }),
  storageCase({
    name: 'recalls nothing if one of the keys was never read',
    postcondition: 'recall 2',
    requires: ['recall'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      await readAndInvite(room);
      const never: StateKey = { type: 'org.example.never.read', state_key: '' };
      checkSame(
        recall(harness, room.id, [CREATE_KEY, never]),
        undefined,
        'recall with a key that was never read',
      );
    },
  }),
  storageCase({
    name: 'recalls a member that it has not seen as absent, and the append compares it',
    postcondition: 'recall 3',
    requires: ['recall'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const [invitee, banned] = [await room.stranger(), await room.stranger()];
      await readAndInvite(room);
      await room.setMembership(banned, 'ban');
      // The ban may have made the adapter forget the room, or remember the ban.
      const basis = recall(harness, room.id, keysFor(room, invitee));
      if (basis !== undefined)
        checkSame(eventOf(basis, memberKey(invitee)), undefined, 'the recalled invitee');
      const outdated = recall(harness, room.id, keysFor(room, banned));
      if (outdated === undefined || eventOf(outdated, memberKey(banned)) !== undefined) return;
      checkSame((await room.invite(banned, outdated)).outcome, 'stale', 'outcome on the recalled basis');
    },
  }),
  storageCase({
    name: 'forgets what another instance has changed, once an append was stale',
    postcondition: 'recall 3',
    requires: ['recall'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const [first, second] = [await room.stranger(), await room.stranger()];
      await readAndInvite(room);
      // A table of roles takes no power levels from an append.
      if (harness.putState === undefined) await room.setInviteLevel(100);
      else await appendPowerLevels(harness, room, first);
      await inviteAsRecalled(harness, room, second);
      const recalled = recall(harness, room.id, keysFor(room, second));
      const invite = recalled && eventOf(recalled, POWER_LEVELS_KEY)?.content.invite;
      check(
        recalled === undefined || invite === 100,
        'recall returned the power levels from before the change',
      );
    },
  }),
  storageCase({
    name: 'recalls copies: changes to a recalled snapshot have no effect',
    postcondition: 'recall 4',
    requires: ['recall'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const keys = keysFor(room, await room.stranger());
      await readAndInvite(room);
      const before = structuredClone((await room.read(keys)).events);
      const spoilt = recall(harness, room.id, keys);
      for (const event of spoilt?.events ?? []) {
        tamper(() => Object.assign(event.content, { membership: 'ban', added: true }));
        tamper(() => Object.assign(event, { sender: '@mallory:example.org' }));
      }
      if (spoilt !== undefined) {
        tamper(() => (spoilt.events as unknown[]).splice(0));
        tamper(() => (spoilt.keys as unknown[]).splice(0));
      }
      const again = recall(harness, room.id, keys);
      if (again !== undefined) checkSame(byKey(again.events), byKey(before), 'events in a later recall');
      checkSame(byKey((await room.read(keys)).events), byKey(before), 'events in a later read');
    },
  }),
  storageCase({
    name: 'keeps no reference to what was read: later changes to it have no effect',
    postcondition: 'recall 4',
    requires: ['recall'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const guest = await room.stranger();
      const basis = await room.basisFor(guest);
      const keys = [CREATE_KEY, POWER_LEVELS_KEY, memberKey(room.alice)];
      const before = structuredClone((await room.read(keys)).events);
      const again = await room.basisFor(guest);
      await room.invite(guest, again);
      for (const event of [...basis.events, ...again.events]) {
        tamper(() => Object.assign(event.content, { membership: 'ban', invite: 100 }));
      }
      const recalled = recall(harness, room.id, keys);
      if (recalled !== undefined) checkSame(byKey(recalled.events), byKey(before), 'recalled events');
    },
  }),
];
