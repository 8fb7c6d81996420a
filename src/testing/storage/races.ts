import type { AppendResult, StorageAdapter } from '../../ports/storage.ts';
import { memberKey, POWER_LEVELS_KEY } from '../../rooms/room-state.ts';
import { check, checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { during } from '../during.ts';
import { range, wander } from '../random.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { CaseRoom, eventOf, tally } from './room.ts';

const RACERS = 32;
const OBSERVERS = 4;

export const raceCases: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: `appends exactly one of ${RACERS} racing invites of one user on one basis`,
    postcondition: 'appendEvent 3',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      for (const invitee of await room.strangers(4)) {
        const basis = await room.basisFor(invitee);
        const results = await Promise.all(
          range(RACERS).map((racer) => room.invite(invitee, basis, { reason: `racer ${racer}` })),
        );
        await checkOneWinner(room, invitee, results);
      }
    },
  }),
  storageCase({
    name: 'appends exactly one of several racing replacements of an event',
    postcondition: 'appendEvent 3',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      for (const _ of range(4)) {
        await room.setMembership(room.bob, 'ban');
        const bases = await Promise.all(range(RACERS).map(() => room.basisFor(room.bob)));
        const results = await Promise.all(
          bases.map((basis, racer) => room.invite(room.bob, basis, { reason: `racer ${racer}` })),
        );
        await checkOneWinner(room, room.bob, results);
      }
    },
  }),
  storageCase({
    name: 'never lets an invite replace a ban that came first',
    postcondition: 'appendEvent 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      for (const [round, invitee] of (await room.strangers(60)).entries()) {
        const basis = await room.basisFor(invitee);
        const invite = async () => {
          if (round % 2 === 0) await wander();
          return room.invite(invitee, basis);
        };
        const ban = async () => {
          if (round % 2 === 1) await wander();
          await room.setMembership(invitee, 'ban');
        };
        const [result] = await Promise.all([invite(), ban()]);
        const membership = await room.membershipOf(invitee);
        checkSame(membership, 'ban', `membership after a ban and an invite (${result.outcome}) raced`);
      }
    },
  }),
  storageCase({
    name: 'appends exactly one of racing invites that each rely on the absence of the others',
    postcondition: 'appendEvent 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      for (const _ of range(6)) await raceRivals(room, [harness.adapter]);
    },
  }),
  storageCase({
    name: 'never appends on power levels that changed before the append',
    postcondition: 'appendEvent 1',
    async run(harness) {
      for (const _ of range(12)) await racePowerChange(harness);
    },
  }),
];

/** Checks that exactly one append succeeded, and that its event is current. */
export async function checkOneWinner(
  room: CaseRoom,
  invitee: string,
  results: readonly AppendResult[],
): Promise<void> {
  checkSame(
    tally(results),
    { appended: 1, stale: results.length - 1, refused: 0 },
    `outcomes of ${results.length} racing appends`,
  );
  const winner = results.findIndex(({ outcome }) => outcome === 'appended');
  const current = await room.current(memberKey(invitee));
  checkSame(current?.content.reason, `racer ${winner}`, 'reason of the current event');
}

/**
 * Races invites of several users, each with all of them in its basis: the first append makes the others
 * stale.
 */
export async function raceRivals(room: CaseRoom, adapters: readonly StorageAdapter[]): Promise<void> {
  const rivals = await room.strangers(8);
  const keys = [POWER_LEVELS_KEY, ...rivals.map(memberKey)];
  const entries = await Promise.all(
    rivals.map(async (userId, index) => {
      const adapter = adapters[index % adapters.length];
      return { userId, adapter, basis: await room.read(keys, adapter) };
    }),
  );
  const results = await Promise.all(
    entries.map(({ userId, basis, adapter }) => room.invite(userId, basis, { adapter })),
  );
  checkSame(tally(results), { appended: 1, stale: rivals.length - 1, refused: 0 }, 'outcomes of rivals');
  checkSame((await room.read(keys)).events.length, 2, 'current power levels and invites');
}

/**
 * Races invites against new power levels. Observers read power levels and invitees at a single moment, which
 * proves which invites came too late: a user who was not yet invited under the new levels must not be invited
 * on the old ones.
 */
async function racePowerChange(harness: StorageHarness): Promise<void> {
  const room = await CaseRoom.create(harness);
  const invitees = await room.strangers(12);
  const bases = await Promise.all(invitees.map((userId) => room.basisFor(userId)));
  const late = new Set<string>();
  const observe = async () => {
    const snapshot = await room.read([POWER_LEVELS_KEY, ...invitees.map(memberKey)]);
    if (eventOf(snapshot, POWER_LEVELS_KEY)?.content.invite !== 100) return;
    for (const userId of invitees) if (eventOf(snapshot, memberKey(userId)) === undefined) late.add(userId);
  };
  const change = async () => {
    await wander();
    await room.setInviteLevel(100);
    await observe();
  };
  const invite = async (userId: string, index: number) => {
    await wander(index);
    const basis = bases[index];
    return basis && { userId, ...(await room.invite(userId, basis)) };
  };
  const [, ...results] = await during(Promise.all([change(), ...invitees.map(invite)]), observe, OBSERVERS);
  const wrong = results.filter((result) => result?.outcome === 'appended' && late.has(result.userId));
  check(wrong.length === 0, `${wrong.length} invites were appended after the power levels had changed`);
}
