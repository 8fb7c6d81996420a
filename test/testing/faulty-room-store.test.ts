import { describe } from 'vitest';
import { roomStoreContract } from '../../src/testing/room-store/contract.ts';
import { type Fault, fault } from './faulty/fault.ts';
import * as faulty from './faulty/room-store.ts';
import * as comparing from './faulty/storage-comparing.ts';
import * as hosts from './faulty/storage-hosts.ts';
import * as reading from './faulty/storage-reading.ts';
import * as effects from './faulty/storage-side-effects.ts';
import { roomStoreHarness } from './reference/harnesses.ts';
import type { ReferenceStorage } from './reference/storage.ts';
import { itCatches } from './support.ts';

const FAULTS: readonly Fault<typeof ReferenceStorage>[] = [
  fault(faulty.DropsTables, 'migrate 1', 'keeps stored data'),
  fault(faulty.MigratesAlone, 'migrate 1', 'runs many times at once'),
  fault(faulty.ChecksThenCreates, 'createRoom 2', 'creates exactly one of 32'),
  fault(faulty.ChecksThenCreates, 'createRoom 2', 'creates exactly one room if processes'),
  fault(faulty.CreatesPieceByPiece, 'createRoom 1', 'shows a room completely or not at all'),
  fault(faulty.MergesIntoExistingRooms, 'createRoom 1', 'resolves exists'),
  fault(reading.StoresTheCallersObject, 'putState 1', 'stores a copy: later changes to the passed event'),
  fault(faulty.PutsIntoUnknownRooms, 'putState 2', 'stores nothing for an unknown room'),
  fault(faulty.SkipsRepeatedContent, 'putState 1', 'appends an event regardless'),
  fault(faulty.ReturnsReplacedState, 'roomState 1', 'returns all current events'),
  fault(faulty.OrdersByClock, 'timeline 1', 'is in commit order'),
  fault(faulty.NumbersBeforeTheCommit, 'timeline 1', 'shows a reader each of 200'),
  fault(faulty.HasNoDefaultLimit, 'timeline 1', 'returns 100 events'),
  fault(faulty.ForgetsThePosition, 'timeline 1', 'continues from its end'),
  fault(faulty.EmptyLogForUnknownRooms, 'timeline 2', 'resolves undefined for the log'),
  fault(comparing.ChecksThenActs, 'appendEvent 3', 'logs exactly one of 32'),
  fault(comparing.LogsWhatIsStale, 'appendEvent 2', 'logs nothing for a stale'),
  fault(comparing.LocksOnlyTheTarget, 'appendEvent 1', 'never logs an invite after the power levels'),
  fault(hosts.AbortsBetweenStateAndLog, 'appendEvent signal', 'logs an append that is aborted midway'),
  fault(hosts.LosesTheLogInACrash, 'appendEvent 5', 'keeps the log and the state'),
  fault(hosts.RemembersUnknownRooms, 'createRoom 1', 'creates a room that another process did not find'),
  fault(hosts.StartsAtThePosition, 'timeline 1', 'returns the same log in pages'),
  fault(hosts.StartsAtThePosition, 'timeline 1', 'shows a reader each of 200'),
  fault(hosts.ReturnsOnePageOfState, 'roomState 1', 'returns all of 1,200'),
  fault(hosts.LogsCurrentContent, 'timeline 1', 'returns the content that each event had'),
  fault(effects.LogsInEachProcess, 'appendEvent 5', 'logs in every process'),
];

describe('the room store contract', () => {
  itCatches(FAULTS, roomStoreContract, async (Store) => roomStoreHarness(Store));
});
