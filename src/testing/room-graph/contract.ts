import type { ContractCase } from '../contract.ts';
import { appendCases } from './append.ts';
import { buildCases } from './build.ts';
import type { RoomGraphHarness } from './harness.ts';
import { memberCases } from './members.ts';
import { retryCases } from './retries.ts';

/** The cases that a graph must pass: the promises of `RoomGraph`. */
export const roomGraphContract: readonly ContractCase<RoomGraphHarness>[] = [
  ...buildCases,
  ...retryCases,
  ...appendCases,
  ...memberCases,
];
