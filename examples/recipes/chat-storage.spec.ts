import { canRun, storageContract } from 'express-matrix-invite/testing';
import { createPool } from 'mysql2/promise';
import { afterAll, it } from 'vitest';
import { chatHarness } from './chat-harness.ts';

const uri = process.env.TEST_DATABASE_URL ?? 'mysql://root@127.0.0.1/chat_test';
const pools = [createPool(uri), createPool(uri)] as const;
afterAll(() => Promise.all(pools.map((pool) => pool.end())));
const harness = chatHarness(...pools);

for (const contractCase of storageContract) {
  const name = `${contractCase.postcondition}: ${contractCase.name}`;
  it.runIf(canRun(contractCase, harness))(name, () => contractCase.run(harness), 60_000);
}
