import { onTestFinished, vi } from 'vitest';
import { MemoryGraphStorage } from '../../../adapters/storage/memory-graph/index.ts';
import {
  pendingAddressInvitesContract,
  roomStoreContract,
  storageContract,
  storageHarnessFor,
} from '../../../src/testing/index.ts';
import { SIGNER } from '../../support/graph-room.ts';
import { newSqlitePath, openSqlite } from '../../support/sqlite-file.ts';
import {
  FederatedRooms,
  federatedStorageHarness,
  openGraph,
  openGraphCopy,
  sqliteFederatedRoomStoreHarness,
  sqliteFederatedStorageHarness,
} from '../../testing/graph-harness.ts';
import { testContract } from '../../testing/support.ts';

const openMemory = () => new MemoryGraphStorage({ signer: SIGNER });
const ONE_PROCESS = ['secondInstance', 'crash', 'unreachable', 'refusedContent', 'recall'] as const;

// Rooms that stay local.
testContract('MemoryGraphStorage', storageContract, async () => storageHarnessFor(openMemory()), ONE_PROCESS);
testContract('MemoryGraphStorage', roomStoreContract, async () => ({ store: openMemory() }), [
  'secondInstance',
  'crash',
]);
testContract(
  'MemoryGraphStorage',
  pendingAddressInvitesContract,
  async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    return { pending: openMemory(), endClaims: async () => void vi.advanceTimersByTime(60_001) };
  },
  ['secondInstance', 'crash'],
);
testContract(
  'SqliteGraphStorage',
  storageContract,
  async () => {
    const path = await newSqlitePath();
    const store = openGraph(openSqlite(path));
    await store.migrate();
    const closed = openSqlite(path);
    closed.close();
    return storageHarnessFor(store, {
      secondInstance: async () => openGraph(openSqlite(path)),
      crash: () => openGraphCopy(path),
      unreachable: async () => openGraph(closed),
    });
  },
  ['refusedContent'],
);
testContract('SqliteGraphStorage', roomStoreContract, async () => {
  const path = await newSqlitePath();
  return {
    store: openGraph(openSqlite(path)),
    secondInstance: async () => openGraph(openSqlite(path)),
    crash: () => openGraphCopy(path),
  };
});
testContract('SqliteGraphStorage', pendingAddressInvitesContract, async () => {
  const path = await newSqlitePath();
  const database = openSqlite(path);
  const pending = openGraph(database);
  await pending.migrate();
  return {
    pending,
    secondInstance: async () => openGraph(openSqlite(path)),
    crash: () => openGraphCopy(path),
    endClaims: async () =>
      void database.exec('UPDATE matrix_pending_addresses SET claimed_until = claimed_until - 60001'),
  };
});

// Rooms that federate, whose contents must have canonical JSON: these cases have fractions in them.
const storedInFederatedRooms = storageContract.filter(
  ({ name }) => !/fractions|every key of an invite|keeps nothing of the content/.test(name),
);
const inFederatedRooms = roomStoreContract.filter(
  ({ postcondition }) => !/^(?:createRoom|migrate) /.test(postcondition),
);
testContract(
  'MemoryGraphStorage in rooms that federate',
  storedInFederatedRooms,
  async () => federatedStorageHarness(openMemory()),
  ONE_PROCESS,
);
testContract(
  'MemoryGraphStorage in rooms that federate',
  inFederatedRooms,
  async () => ({ store: new FederatedRooms(openMemory()) }),
  ['secondInstance', 'crash'],
);
testContract(
  'SqliteGraphStorage in rooms that federate',
  storedInFederatedRooms,
  sqliteFederatedStorageHarness,
  ['refusedContent'],
);
testContract('SqliteGraphStorage in rooms that federate', inFederatedRooms, sqliteFederatedRoomStoreHarness);
