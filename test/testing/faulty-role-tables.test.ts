import { describe } from 'vitest';
import { storageContract } from '../../src/testing/storage/contract.ts';
import { type Fault, fault } from './faulty/fault.ts';
import * as faulty from './faulty/role-tables.ts';
import { roleTablesHarness } from './reference/role-tables.ts';
import { itCatches } from './support.ts';

const REPLACES: readonly [string, string] = ['appendEvent 1', 'replaces no ban by an invite of a user'];

const FAULTS: readonly Fault<typeof faulty.ignoresCase>[] = [
  fault(faulty.ignoresCase, ...REPLACES),
  fault(faulty.ignoresAccents, ...REPLACES),
  fault(faulty.ignoresTrailingSpaces, ...REPLACES),
  fault(faulty.ignoresTheServer, ...REPLACES),
];

describe('the storage contract on tables of roles', () => {
  itCatches(FAULTS, storageContract, async (collate) => roleTablesHarness(collate));
});
