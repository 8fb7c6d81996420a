import { describe } from 'vitest';
import { storageContract } from '../../src/testing/storage/contract.ts';
import { type Fault, fault } from './faulty/fault.ts';
import * as comparing from './faulty/storage-comparing.ts';
import * as content from './faulty/storage-content.ts';
import * as reading from './faulty/storage-reading.ts';
import { storageHarness } from './reference/harnesses.ts';
import type { ReferenceStorage } from './reference/storage.ts';
import { itCatches } from './support.ts';

const FAULTS: readonly Fault<typeof ReferenceStorage>[] = [
  fault(comparing.ChecksThenActs, 'appendEvent 3', 'appends exactly one of 32 racing'),
  fault(comparing.ChecksThenActs, 'appendEvent 3', 'appends exactly one of several racing replacements'),
  fault(
    comparing.ChecksThenActs,
    'appendEvent 3',
    'appends exactly one of the invites of one user that race across',
  ),
  fault(comparing.ChecksThenActs, 'appendEvent 1', 'never lets an invite replace a ban'),
  fault(
    comparing.LocksOnlyTheTarget,
    'appendEvent 1',
    'appends exactly one of racing invites that each rely',
  ),
  fault(comparing.LocksOnlyTheTarget, 'appendEvent 1', 'appends exactly one of rival invites'),
  fault(comparing.LocksOnlyTheTarget, 'appendEvent 1', 'never appends on power levels that changed'),
  fault(comparing.IgnoresAbsentKeys, 'appendEvent 2', 'is stale if the target was absent'),
  fault(comparing.IgnoresAbsentKeys, 'appendEvent 2', 'is stale if another key was absent'),
  fault(comparing.IgnoresAbsentKeys, 'appendEvent 2', 'is stale if another instance has appended'),
  fault(comparing.ComparesOnlyTheTarget, 'appendEvent 2', 'is stale if the power levels have changed'),
  fault(comparing.ComparesOnlyTheTarget, 'appendEvent 2', 'is stale if the inviter has been banned'),
  fault(comparing.ComparesOnlyTheTarget, 'appendEvent 2', 'is stale if state of any other type'),
  fault(comparing.ComparesContent, 'appendEvent 2', 'is stale if another event has replaced one'),
  fault(comparing.ComparesContent, 'appendEvent 2', 'is stale if a key has changed and changed back'),
  fault(comparing.IgnoresTheSender, 'appendEvent 2', 'is stale if another sender has set'),
  fault(comparing.RoomWideVersion, 'appendEvent 4', 'appends 200 parallel invites into one room, all'),
  fault(comparing.RoomWideVersion, 'appendEvent 4', 'appends 200 parallel invites into one room, each'),
  fault(comparing.RoomWideVersion, 'appendEvent 4', 'is not stale if other members'),
  fault(comparing.RoomWideVersion, 'appendEvent 4', 'is not stale if keys have changed that share'),
  fault(comparing.WritesAlthoughStale, 'appendEvent 2', 'is stale if the invitee has been banned'),
  fault(comparing.IgnoresTheSignal, 'appendEvent signal', 'writes nothing if its signal'),
  fault(reading.TornRead, 'readState 1', 'reads a single moment while memberships'),
  fault(reading.TornRead, 'readState 1', 'reads a single moment while events'),
  fault(reading.TwoQueries, 'readState 1', 'reads a single moment while memberships'),
  fault(reading.ReturnsInternalObjects, 'readState 4', 'returns copies'),
  fault(reading.ReturnsInternalObjects, 'readState 1', 'returns an event once'),
  fault(reading.StoresTheCallersObject, 'readState 4', 'stores a copy'),
  fault(reading.EmptyForUnknownRooms, 'readState 2', 'resolves undefined for an unknown room'),
  fault(reading.UndefinedForNoEvents, 'readState 2', 'resolves a snapshot for a known room'),
  fault(reading.RoomsInAPlainObject, 'readState 2', 'resolves undefined for an unknown room'),
  fault(reading.ReadsTheWholeRoom, 'readState 3', 'costs about the same'),
  fault(reading.CachesReads, 'appendEvent 5', 'shows an appended event in another instance'),
  fault(reading.ResolvesBeforeItWrites, 'appendEvent 5', 'shows an appended event to the next'),
  fault(reading.WritesBehind, 'appendEvent 5', 'keeps every appended event through a crash'),
  fault(content.CaseInsensitiveKeys, 'readState 1', 'does not confuse similar user'),
  fault(content.CaseInsensitiveKeys, 'readState 1', 'does not confuse similar keys'),
  fault(content.NormalizesKeys, 'readState 1', 'does not confuse similar keys'),
  fault(content.CutsAtNul, 'readState 1', 'does not confuse similar user'),
  fault(content.CutsAtNul, 'appendEvent 1', 'appends under a key that is similar'),
  fault(content.IgnoresTrailingSpaces, 'readState 1', 'does not confuse similar user'),
  fault(content.JoinsKeys, 'readState 1', 'does not confuse similar keys'),
  fault(content.CutsLongKeys, 'appendEvent 1', 'invites both of two users whose 255-byte'),
  fault(content.CutsLongKeys, 'readState 1', 'does not confuse similar keys'),
  fault(content.LosesLargeIntegers, 'readState 1', 'reads content unchanged: the largest integers'),
  fault(
    content.LosesLargeIntegers,
    'appendEvent 1',
    'appends content unchanged, also if it is in the basis: the largest',
  ),
  fault(content.DropsNestedKeys, 'readState 1', 'reads content unchanged: nested unknown keys'),
  fault(content.DropsEmptyMembers, 'readState 1', 'reads content unchanged: empty objects'),
  fault(content.CutsStringsAtNul, 'appendEvent 1', 'stores the strings of an invite'),
  fault(content.CopiesByAssignment, 'readState 1', 'reads content unchanged: a key named __proto__'),
];

describe('the storage contract', () => {
  itCatches(FAULTS, storageContract, async (Store) => storageHarness(Store));
});
