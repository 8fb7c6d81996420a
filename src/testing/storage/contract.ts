import type { ContractCase } from '../contract.ts';
import { abortCases } from './abort.ts';
import { appendEventCases } from './append-event.ts';
import { consistentReadCases } from './consistent-read.ts';
import { contentCases } from './content.ts';
import type { StorageHarness } from './harness.ts';
import { instanceCases } from './instances.ts';
import { inviteContentCases } from './invite-content.ts';
import { isolationCases } from './isolation.ts';
import { keyCases } from './keys.ts';
import { raceCases } from './races.ts';
import { readCostCases } from './read-cost.ts';
import { readStateCases } from './read-state.ts';
import { recallCases } from './recall.ts';
import { severalRoomCases } from './several-rooms.ts';
import { sideEffectCases } from './side-effects.ts';
import { similarUserCases } from './similar-users.ts';
import { staleCases } from './stale.ts';
import { unrelatedChangeCases } from './unrelated-changes.ts';

/** The cases that every storage adapter must pass: the promises of `StorageAdapter`. */
export const storageContract: readonly ContractCase<StorageHarness>[] = [
  ...readStateCases,
  ...consistentReadCases,
  ...readCostCases,
  ...isolationCases,
  ...similarUserCases,
  ...keyCases,
  ...appendEventCases,
  ...sideEffectCases,
  ...severalRoomCases,
  ...inviteContentCases,
  ...contentCases,
  ...staleCases,
  ...unrelatedChangeCases,
  ...raceCases,
  ...instanceCases,
  ...abortCases,
  ...recallCases,
];
