import type { ContractCase } from '../contract.ts';
import { createRoomCases } from './create-room.ts';
import type { RoomStoreHarness } from './harness.ts';
import { appendLogCases } from './log-of-appends.ts';
import { migrateCases } from './migrate.ts';
import { stateCases } from './state.ts';
import { timelineCases } from './timeline.ts';

/** The cases that a room store must pass in addition to `storageContract`: the promises of `RoomStore`. */
export const roomStoreContract: readonly ContractCase<RoomStoreHarness>[] = [
  ...migrateCases,
  ...createRoomCases,
  ...stateCases,
  ...timelineCases,
  ...appendLogCases,
];
