import { describe } from 'vitest';
import { roomStoreContract } from '../../src/testing/room-store/contract.ts';
import { type Fault, fault } from './faulty/fault.ts';
import * as faulty from './faulty/room-store.ts';
import * as comparing from './faulty/storage-comparing.ts';
import * as reading from './faulty/storage-reading.ts';
import { roomStoreHarness } from './reference/harnesses.ts';
import type { ReferenceStorage } from './reference/storage.ts';
import { itCatches } from './support.ts';

const FAULTS: readonly Fault<typeof ReferenceStorage>[] = [
  fault(faulty.DropsTables, 'migrate 1', 'keeps what is stored'),
  fault(faulty.MigratesAlone, 'migrate 1', 'runs many times at once'),
  fault(faulty.ChecksThenCreates, 'createRoom 2', 'creates exactly one of 32'),
  fault(faulty.ChecksThenCreates, 'createRoom 2', 'creates exactly one room of racing processes'),
  fault(faulty.CreatesPieceByPiece, 'createRoom 1', 'is seen whole or not at all'),
  fault(faulty.MergesIntoExistingRooms, 'createRoom 1', 'resolves exists'),
  fault(reading.StoresTheCallersObject, 'putState 1', 'stores a copy: what the caller does to an event'),
  fault(faulty.PutsIntoUnknownRooms, 'putState 2', 'stores nothing in an unknown room'),
  fault(faulty.SkipsRepeatedContent, 'putState 1', 'appends whatever the current state is'),
  fault(faulty.ReturnsReplacedState, 'roomState 1', 'returns every current event'),
  fault(faulty.OrdersByClock, 'timeline 1', 'is in commit order'),
  fault(faulty.NumbersBeforeTheCommit, 'timeline 1', 'shows a reader every one of 200'),
  fault(faulty.HasNoDefaultLimit, 'timeline 1', 'returns 100 events'),
  fault(faulty.ForgetsThePosition, 'timeline 1', 'goes on from its end'),
  fault(faulty.EmptyLogForUnknownRooms, 'timeline 2', 'resolves undefined for the log'),
  fault(comparing.ChecksThenActs, 'appendEvent 3', 'leaves one event in the log'),
  fault(comparing.LogsWhatIsStale, 'appendEvent 2', 'leaves nothing in the log'),
  fault(comparing.LocksOnlyTheTarget, 'appendEvent 1', 'never has an invite behind the power levels'),
];

describe('the room store contract', () => {
  itCatches(FAULTS, roomStoreContract, async (Store) => roomStoreHarness(Store));
});
