import { describe } from 'vitest';
import { remoteInvitesContract } from '../../src/testing/remote-invites/contract.ts';
import { type Fault, fault } from './faulty/fault.ts';
import * as faulty from './faulty/remote-invites.ts';
import { type ReferenceRemoteInvites, remoteInvitesHarness } from './reference/remote-invites.ts';
import { itCatches, testContract } from './support.ts';

testContract('a correct adapter for remote invites', remoteInvitesContract, () => remoteInvitesHarness());

const FAULTS: readonly Fault<typeof ReferenceRemoteInvites>[] = [
  fault(faulty.PromisesItsKeys, 'stateKeys 1', 'names its state keys'),
  fault(faulty.MisspellsItsKeys, 'stateKeys 1', 'names its state keys'),
  fault(faulty.ConcernedByMembersOnly, 'concerns 2', 'is concerned by'),
  fault(faulty.ConcernedLater, 'concerns 2', 'is concerned by'),
  fault(faulty.ObjectsWhenAskedOften, 'objectionTo 3', 'has no objection'),
  fault(faulty.ObjectsLater, 'objectionTo 3', 'has no objection'),
  fault(faulty.AsksNobody, 'invite 4', 'stores the event once'),
  fault(faulty.StoresLater, 'invite 4', 'stores the event once'),
  fault(faulty.ResolvesAnotherId, 'invite 4', 'stores the event once'),
  fault(faulty.StoresLater, 'invite 4', 'keeps the event'),
  fault(faulty.StoresFirst, 'invite 4', 'stores nothing before'),
  fault(faulty.IgnoresTheBasis, 'invite 5', 'stores nothing if the room has changed before'),
  fault(faulty.ComparesTooEarly, 'invite 5', 'stores nothing if the room has changed while'),
  fault(faulty.KeepsTheFirstBasis, 'invite 5', 'stores the event when it is called again'),
  fault(faulty.ComparesTheWholeRoom, 'invite 5', 'completes invites of several users'),
  fault(faulty.StoresWhatIsRefused, 'invite 6', 'resolves the error'),
  fault(faulty.PassesOnA401, 'invite 6', 'resolves the error'),
  fault(faulty.RejectsRefusals, 'invite 6', 'resolves the error'),
  fault(faulty.RemembersRefusals, 'invite 6', 'refuses nothing'),
  fault(faulty.NeverAsked, 'invite 7', 'says that the other server was asked'),
  fault(faulty.NeverAsked, 'invite 7', 'does not say that nobody was asked'),
  fault(faulty.RejectsWithDriverErrors, 'invite 8', 'rejects with a StorageUnavailableError'),
  fault(faulty.StoresEveryCall, 'invite 8', 'stores one event when the same call'),
  fault(faulty.LosesCallsInACrash, 'invite 8', 'completes a call of a process'),
  fault(faulty.ComparesTimes, 'invite 9', 'stores one event for equal calls'),
  fault(faulty.LocksTheRoom, 'invite 10', 'holds up no other change'),
  fault(faulty.AsksOneAtATime, 'invite 10', 'completes other invites'),
  fault(faulty.IgnoresTheSignal, 'aborted call', 'asks nobody'),
  fault(faulty.AbandonsNothing, 'abandon 11', 'gives up an invite'),
  fault(faulty.WithdrawsWhatIsStored, 'abandon 11', 'leaves an event'),
  fault(faulty.AbandonsTheRoom, 'abandon 11', 'gives up no other'),
  fault(faulty.MissesWhatIsGone, 'abandon 12', 'resolves if there is nothing'),
  fault(faulty.ForgetsOtherProcesses, 'unfinished 13', 'returns the invites'),
  fault(faulty.NewestFirst, 'unfinished 13', 'returns the invites'),
  fault(faulty.LosesTheContent, 'unfinished 13', 'returns the invites'),
  fault(faulty.KeepsWhatIsDone, 'unfinished 14', 'leaves out invites that are in the room'),
  fault(faulty.KeepsWhatWasStale, 'unfinished 14', 'leaves out an invite that was stale'),
  fault(faulty.KeepsWhatIsRefused, 'unfinished 14', 'leaves out invites that the other server'),
];

describe('the contract of remote invites', () => {
  itCatches(FAULTS, remoteInvitesContract, (Adapter) => remoteInvitesHarness(Adapter));
});
