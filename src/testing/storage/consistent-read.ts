import { memberKey, POWER_LEVELS_KEY } from '../../rooms/room-state.ts';
import { check } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { during } from '../during.ts';
import { newUserIds, range, shuffled } from '../random.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { CaseRoom, createUsers, eventOf } from './room.ts';

const ROUNDS = 60;
const READERS = 4;
const MEMBERSHIPS = ['join', 'ban', 'invite'] as const;
const INVITE_LEVELS = [0, 50, 100] as const;

export const consistentReadCases: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: 'reads a single moment while memberships and power levels change in turn',
    postcondition: 'readState 1',
    async run(harness) {
      const members = await createUsers(harness, newUserIds('member', 5));
      const room = await CaseRoom.create(harness, {
        members: Object.fromEntries(members.map((userId) => [userId, 'join'])),
      });
      const chain = [POWER_LEVELS_KEY, ...members.map(memberKey)];
      await whileWriting(
        async (round) => {
          await room.setInviteLevel(INVITE_LEVELS[round % 3] ?? 0);
          for (const member of members) await room.setMembership(member, MEMBERSHIPS[round % 3] ?? 'join');
        },
        async () => {
          const snapshot = await room.read(shuffled(chain));
          const memberships = members.map(
            (userId) => eventOf(snapshot, memberKey(userId))?.content.membership,
          );
          const phases = [
            phaseOf(INVITE_LEVELS, eventOf(snapshot, POWER_LEVELS_KEY)?.content.invite),
            ...memberships.map((membership) => phaseOf(MEMBERSHIPS, membership)),
          ];
          checkChain(phases, (phase) => (phase + 2) % 3);
        },
      );
    },
  }),
  storageCase({
    name: 'reads a single moment while events of any type count up in turn',
    postcondition: 'readState 1',
    requires: ['putState'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const chain = range(6).map((index) => ({
        type: `org.example.counter${index % 3}`,
        state_key: `${index}`,
      }));
      for (const key of chain) await harness.putState(room.event(key, { count: -1 }));
      await whileWriting(
        async (round) => {
          for (const key of chain) await harness.putState(room.event(key, { count: round }));
        },
        async () => {
          const snapshot = await room.read(shuffled(chain));
          const counts = chain.map((key) => Number(eventOf(snapshot, key)?.content.count));
          checkChain(counts, (count) => count - 1);
        },
      );
    },
  }),
];

/** Runs readers while the writer runs its rounds. */
async function whileWriting(
  write: (round: number) => Promise<void>,
  read: () => Promise<void>,
): Promise<void> {
  const writeAll = async () => {
    for (const round of range(ROUNDS)) await write(round);
  };
  await during(writeAll(), read, READERS);
}

function phaseOf(phases: readonly unknown[], seen: unknown): number {
  check(phases.includes(seen), `a snapshot contains ${JSON.stringify(seen)}, which was never set`);
  return phases.indexOf(seen);
}

/**
 * The writer changes the chain link by link. At any single moment, the links up to some point have the latest
 * phase, and the rest have the previous one.
 */
function checkChain(phases: readonly number[], before: (phase: number) => number): void {
  const latest = phases[0] ?? 0;
  const turn = phases.findIndex((phase) => phase !== latest);
  const isOneMoment = turn === -1 || phases.slice(turn).every((phase) => phase === before(latest));
  check(isOneMoment, `a snapshot mixes several moments: its keys have the phases ${phases.join(', ')}`);
}
