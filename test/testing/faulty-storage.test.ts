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
  fault(comparing.ChecksThenActs, 'appendEvent 3', 'appends exactly one of the racing replacements'),
  fault(
    comparing.ChecksThenActs,
    'appendEvent 3',
    'appends exactly one of the invites of one user that race over',
  ),
  fault(comparing.ChecksThenActs, 'appendEvent 1', 'never lets an invite replace a ban'),
  fault(
    comparing.LocksOnlyTheTarget,
    'appendEvent 1',
    'appends exactly one of racing invites that each rely',
  ),
  fault(comparing.LocksOnlyTheTarget, 'appendEvent 1', 'appends exactly one of rival invites'),
  fault(comparing.LocksOnlyTheTarget, 'appendEvent 1', 'never appends on power levels that were overtaken'),
  fault(comparing.IgnoresAbsentKeys, 'appendEvent 2', 'is stale when the absent target has appeared'),
  fault(comparing.IgnoresAbsentKeys, 'appendEvent 2', 'is stale when another key, absent'),
  fault(comparing.IgnoresAbsentKeys, 'appendEvent 2', 'is stale when another instance has appended'),
  fault(comparing.ComparesOnlyTheTarget, 'appendEvent 2', 'is stale when the power levels have changed'),
  fault(comparing.ComparesOnlyTheTarget, 'appendEvent 2', 'is stale when the inviter has been banned'),
  fault(comparing.ComparesOnlyTheTarget, 'appendEvent 2', 'is stale when state of any other type'),
  fault(comparing.ComparesContent, 'appendEvent 2', 'is stale when another event with the same content'),
  fault(comparing.ComparesContent, 'appendEvent 2', 'is stale when a key has changed and changed back'),
  fault(comparing.IgnoresTheSender, 'appendEvent 2', 'is stale when the same content was set by another'),
  fault(comparing.RoomWideVersion, 'appendEvent 4', 'appends 200 parallel invites into one room, all'),
  fault(comparing.RoomWideVersion, 'appendEvent 4', 'appends 200 parallel invites into one room, each'),
  fault(comparing.RoomWideVersion, 'appendEvent 4', 'is not stale when other members'),
  fault(comparing.RoomWideVersion, 'appendEvent 4', 'is not stale when keys have changed that share'),
  fault(comparing.WritesAlthoughStale, 'appendEvent 2', 'is stale when the invitee has been banned'),
  fault(comparing.IgnoresTheSignal, 'appendEvent signal', 'writes nothing when its signal'),
  fault(reading.TornRead, 'readState 1', 'shows one moment, while memberships'),
  fault(reading.TornRead, 'readState 1', 'shows one moment, while events of any type'),
  fault(reading.TwoQueries, 'readState 1', 'shows one moment, while memberships'),
  fault(reading.ReturnsInternalObjects, 'readState 4', 'returns copies'),
  fault(reading.ReturnsInternalObjects, 'readState 1', 'returns an event once'),
  fault(reading.StoresTheCallersObject, 'readState 4', 'stores a copy'),
  fault(reading.EmptyForUnknownRooms, 'readState 2', 'resolves undefined for an unknown room'),
  fault(reading.UndefinedForNoEvents, 'readState 2', 'resolves a snapshot for a known room'),
  fault(reading.RoomsInAPlainObject, 'readState 2', 'resolves undefined for an unknown room'),
  fault(reading.ReadsTheWholeRoom, 'readState 3', 'costs about as much'),
  fault(reading.CachesReads, 'appendEvent 5', 'shows an appended event in another instance'),
  fault(reading.AnswersBeforeItWrites, 'appendEvent 5', 'shows an appended event to whoever'),
  fault(reading.WritesBehind, 'appendEvent 5', 'keeps every appended event through a crash'),
  fault(content.CaseInsensitiveKeys, 'readState 1', 'does not take one user id for another'),
  fault(content.CaseInsensitiveKeys, 'readState 1', 'keeps keys apart'),
  fault(content.NormalisesKeys, 'readState 1', 'keeps keys apart'),
  fault(content.CutsAtNul, 'readState 1', 'does not take one user id for another'),
  fault(content.CutsAtNul, 'appendEvent 1', 'appends under a key that looks like'),
  fault(content.IgnoresTrailingSpaces, 'readState 1', 'does not take one user id for another'),
  fault(content.JoinsKeys, 'readState 1', 'keeps keys apart'),
  fault(content.CutsLongKeys, 'appendEvent 1', 'invites users apart whose ids have 255'),
  fault(content.CutsLongKeys, 'readState 1', 'keeps keys apart'),
  fault(content.LosesLargeIntegers, 'readState 1', 'reads content as it was set: the largest integers'),
  fault(content.LosesLargeIntegers, 'appendEvent 1', 'appends content as it stands, and on it: the largest'),
  fault(content.DropsNestedKeys, 'readState 1', 'reads content as it was set: unknown keys, nested'),
  fault(content.DropsEmptyMembers, 'readState 1', 'reads content as it was set: empty objects'),
  fault(content.CutsTextsAtNul, 'appendEvent 1', 'keeps the texts of an invite'),
  fault(content.CopiesByAssignment, 'readState 1', 'reads content as it was set: a key named __proto__'),
];

describe('the storage contract', () => {
  itCatches(FAULTS, storageContract, async (Store) => storageHarness(Store));
});
