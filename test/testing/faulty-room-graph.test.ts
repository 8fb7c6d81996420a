import { describe, vi } from 'vitest';
import { type RoomGraphHarness, roomGraphContract } from '../../src/testing/index.ts';
import { type Fault, fault } from './faulty/fault.ts';
import * as faulty from './faulty/room-graph.ts';
import { REFUSED, roomGraphHarness } from './graph-harness.ts';
import { itCatches, testContract } from './support.ts';

const FAULTS: readonly Fault<typeof faulty.ReferenceGraph>[] = [
  fault(faulty.StampsTheEvent, 'build 1', 'builds the event that it was asked for'),
  fault(faulty.AddsAnOrigin, 'build 1', 'builds the event that it was asked for'),
  fault(faulty.AddsTheEventId, 'build 1', 'builds the event that it was asked for'),
  fault(faulty.ForgetsAnAuthEvent, 'build 2', 'refers to exactly the events'),
  fault(faulty.CountsOneLess, 'build 2', 'follows the last events'),
  fault(faulty.RepeatsAReference, 'build 2', 'follows the last events'),
  fault(faulty.FollowsTheFirstEvent, 'build 2', 'follows the last events'),
  fault(faulty.RepeatsAReference, 'build 2', 'follows at most 20 events'),
  fault(faulty.ShowsLittle, 'build 4', 'shows the invitee the current state'),
  fault(faulty.ShowsThePast, 'build 4', 'shows the invitee the current state'),
  fault(faulty.ShowsStrippedState, 'build 4', 'shows the invitee the current state'),
  fault(faulty.BuildsOnAnyBasis, 'build 5', 'resolves stale if a key of the basis has changed'),
  fault(faulty.IsStaleForLocalRooms, 'build 5', 'resolves notFederated'),
  fault(faulty.MakesUpTheId, 'build 6', 'hashes and signs the event'),
  fault(faulty.DoesNotSign, 'build 6', 'hashes and signs the event'),
  fault(faulty.HashesTooEarly, 'build 6', 'hashes and signs the event'),
  fault(faulty.NamesAnotherVersion, 'build 6', 'hashes and signs the event'),
  fault(faulty.AppendsWhatItBuilds, 'build 7', 'puts nothing into the room'),
  fault(faulty.IgnoresTheSignal, 'build signal', 'rejects and keeps nothing'),
  fault(faulty.BuildsAnew, 'build 3', 'gives the same PDU again, whatever else'),
  fault(faulty.BuildsAnew, 'build 3', 'gives the same PDU to all'),
  fault(faulty.KeepsOnePerUser, 'build 3', 'keeps the PDUs of different events apart'),
  fault(faulty.KeepsInMemory, 'build 3', 'gives the same PDU in another instance'),
  fault(faulty.KeepsInMemory, 'build 3', 'gives the same PDU after a crash'),
  fault(faulty.KeepsOldPdus, 'build 3', 'builds anew when an event that authorizes it'),
  fault(faulty.KeepsOldPdus, 'build 3', 'builds anew after an hour'),
  fault(faulty.DiscardsNothing, 'discard 1', 'forgets a discarded invite'),
  fault(faulty.TakesBackTheInvite, 'discard 2', 'takes nothing out of the room'),
  fault(faulty.ThrowsForTheUnknown, 'discard 2', 'takes nothing out of the room'),
  fault(faulty.ReturnsTheNewestFirst, 'unfinished 1', 'returns what was built and neither'),
  fault(faulty.IgnoresTheLimit, 'unfinished 1', 'returns what was built and neither'),
  fault(faulty.ReturnsTheYoung, 'unfinished 1', 'returns only what is old enough'),
  fault(faulty.KeepsInMemory, 'unfinished 2', 'returns in every instance'),
  fault(faulty.KeepsInMemory, 'unfinished 2', 'returns after a crash'),
  fault(faulty.ResolvesAnotherId, 'append 1', 'appends the event and makes it current'),
  fault(faulty.AppendsOnAnyBasis, 'append 2', 'is stale if a key of the basis has changed'),
  fault(faulty.ComparesThenAppends, 'append 3', 'appends exactly one of racing'),
  fault(faulty.WantsTheLastEvents, 'append 4', 'appends all of many invites'),
  fault(faulty.WantsTheLastEvents, 'append 4', 'is not stale if keys outside the basis'),
  fault(faulty.AppendsInMemory, 'append 5', 'shows an appended event in another instance'),
  fault(faulty.AppendsInMemory, 'append 5', 'keeps every appended event'),
  fault(faulty.ThrowsTheDriversError, 'append 6', 'rejects with a StorageUnavailableError'),
  fault(faulty.StoresTheRefused, 'append 7', 'resolves refused'),
  fault(faulty.CallsTheRefusedStale, 'append 7', 'resolves refused'),
  fault(faulty.IsStaleTheSecondTime, 'append 8', 'appends an event once'),
  fault(faulty.MakesItCurrentAgain, 'append 8', 'resolves appended for an event that has been replaced'),
  fault(faulty.RebuildsBeforeAppending, 'append 9', 'stores the event as it was signed'),
  fault(faulty.StoresItsOwnCopy, 'append 10', 'stores the PDU with all signatures'),
  fault(faulty.SendsLater, 'append 10', 'stores the PDU with all signatures'),
  fault(faulty.IgnoresTheSignal, 'append signal', 'rejects and writes nothing'),
  fault(faulty.LooksAtTheEnd, 'hasJoinedMember 1', 'is true for the server of a joined member'),
  fault(faulty.CountsTheInvited, 'hasJoinedMember 1', 'is false for the server of a user who is only'),
  fault(faulty.LooksInAllRooms, 'hasJoinedMember 1', 'is true for another server once'),
  fault(faulty.ThrowsForUnknownRooms, 'hasJoinedMember 1', 'is false for an unknown room'),
];

async function referenceHarness(Graph: typeof faulty.ReferenceGraph): Promise<RoomGraphHarness> {
  vi.useFakeTimers({ toFake: ['Date'] });
  const graph = new Graph();
  return {
    ...roomGraphHarness(graph),
    refusedContent: REFUSED,
    secondInstance: async () => graph.elsewhere(),
    crash: async () => graph.elsewhere(),
    unreachable: async () => graph.unreachable(),
    age: async (milliseconds) => void vi.advanceTimersByTime(milliseconds),
    close: async () => void vi.useRealTimers(),
  };
}

testContract('a correct graph', roomGraphContract, () => referenceHarness(faulty.ReferenceGraph));

describe('the room graph contract', () => {
  itCatches(FAULTS, roomGraphContract, referenceHarness);
});
