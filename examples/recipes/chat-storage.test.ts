import { after, test } from 'node:test';
import { storageContract, whyNot } from 'express-matrix-invite/testing';
import { createPool } from 'mysql2/promise';
import { chatHarness } from './chat-harness.ts';

const uri = process.env.TEST_DATABASE_URL ?? 'mysql://root@127.0.0.1/chat_test';
const pools = [createPool(uri), createPool(uri)] as const;
after(() => Promise.all(pools.map((pool) => pool.end())));
const harness = chatHarness(...pools);

for (const contractCase of storageContract) {
  const reason = whyNot(contractCase, harness);
  const options = { skip: reason === undefined ? false : `needs ${reason}`, timeout: 60_000 };
  test(`${contractCase.postcondition}: ${contractCase.name}`, options, () => contractCase.run(harness));
}
