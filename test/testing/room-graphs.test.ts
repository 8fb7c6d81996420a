import { roomGraphContract } from '../../src/testing/index.ts';
import { memoryGraphHarness, sqliteGraphHarness } from './graph-harness.ts';
import { testContract } from './support.ts';

testContract('MemoryGraphStorage', roomGraphContract, memoryGraphHarness, [
  'secondInstance',
  'crash',
  'unreachable',
  'refusedContent',
]);
testContract('SqliteGraphStorage', roomGraphContract, sqliteGraphHarness);
