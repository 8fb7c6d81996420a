import { MemoryStorage } from '../../adapters/storage/memory.ts';
import { roomStoreContract, storageContract, storageHarnessFor } from '../../src/testing/index.ts';
import { sqliteRoomStoreHarness, sqliteStorageHarness } from './sqlite-harness.ts';
import { testContract } from './support.ts';
import { transactionalHarness } from './transactional-harness.ts';

testContract('MemoryStorage', storageContract, async () => storageHarnessFor(new MemoryStorage()), [
  'secondInstance',
  'crash',
  'unreachable',
  'refusedContent',
  'recall',
]);
testContract('MemoryStorage', roomStoreContract, async () => ({ store: new MemoryStorage() }), [
  'secondInstance',
  'crash',
]);
testContract('SqliteStorage', storageContract, sqliteStorageHarness, ['refusedContent']);
testContract('SqliteStorage', roomStoreContract, sqliteRoomStoreHarness);
const TABLES_LACK = ['putState', 'eventIds', 'secondInstance', 'crash', 'unreachable'] as const;
testContract('transactionalStorage', storageContract, async () => transactionalHarness(), [
  ...TABLES_LACK,
  'recall',
]);
testContract(
  'transactionalStorage that remembers',
  storageContract,
  async () => transactionalHarness(true),
  TABLES_LACK,
);
