import { performance } from 'node:perf_hooks';
import { CREATE_KEY, memberKey, POWER_LEVELS_KEY } from '../../rooms/room-state.ts';
import { check } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { newUserIds, range } from '../random.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { CaseRoom, createUsers } from './room.ts';

const LARGE = 5_000;
/**
 * The rooms differ by a factor of 500: a cost that grows with the room clearly exceeds this ratio, noise does
 * not.
 */
const MAX_RATIO = 20;
const TRIES = 3;

export const readCostCases: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: `costs about the same in a room of ${LARGE} members as in one of 10`,
    postcondition: 'readState 3',
    async run(harness) {
      const [small, large] = [await sampleOf(harness, 10), await sampleOf(harness, LARGE)];
      let ratio = Number.POSITIVE_INFINITY;
      for (let tries = 0; tries < TRIES && ratio > MAX_RATIO; tries += 1) ratio = await compare(small, large);
      check(ratio <= MAX_RATIO, `reading five keys of the large room took ${ratio.toFixed(0)} times as long`);
    },
  }),
];

/** Reads the keys that a scan of the room would find first, last and never. */
type Sample = () => Promise<unknown>;

async function sampleOf(harness: StorageHarness, size: number): Promise<Sample> {
  const userIds = await createUsers(harness, newUserIds('member', size - 2));
  const members = Object.fromEntries(userIds.map((userId) => [userId, 'join' as const]));
  const room = await CaseRoom.create(harness, { members });
  const found = [room.alice, ...userIds.slice(-1)];
  const keys = [CREATE_KEY, POWER_LEVELS_KEY, ...[...found, await room.stranger()].map(memberKey)];
  return () => room.read(keys);
}

async function compare(small: Sample, large: Sample): Promise<number> {
  const times: { small: number; large: number }[] = [];
  for (const _ of range(31)) times.push({ small: await time(small), large: await time(large) });
  return median(times.map((each) => each.large)) / median(times.map((each) => each.small));
}

async function time(sample: Sample): Promise<number> {
  const start = performance.now();
  for (const _ of range(5)) await sample();
  return performance.now() - start;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((one, other) => one - other)[numbers.length >> 1] ?? Number.NaN;
}
