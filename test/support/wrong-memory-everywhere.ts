import { createHash } from 'node:crypto';
import { expect, vi } from 'vitest';
import { withWrongMemory } from './wrong-memory.ts';

const seed = Number(process.env.WRONG_MEMORY_SEED ?? Math.trunc(Math.random() * 2 ** 31));

// Not in a test: some read the console.
console.log(`To repeat what the memory says: WRONG_MEMORY_SEED=${seed}`);

/**
 * Tests that count the calls of host functions, or interfere with the first: on wrong memory, an invite may call them
 * once more. They run without memory.
 */
const COUNTS_CALLS: readonly string[] = [
  'receives the requester and the event that is about to be stored',
  'waits for an append whose request has already ended with a 503',
  'refunds nothing if the event may be stored',
  'does not insert after transact has given up',
  'recognizes its event if transact runs work again after it was stored',
  'is also that of a refusal by the store',
  'counts refused and malformed requests too, and is never refunded',
  'is nothing for a refusal by the room',
  'is nothing for an outage of the store',
  'is nothing if the invite is already pending',
  'is refunded if the store refuses, and the response is the error of the store',
  'is not mistaken for its replacement, even if both are identical',
  'is sent again only once if the store reports an outage after storing the event',
  'receives its own revision unchanged',
];

/** Each router and each service gets its options here. */
vi.mock(import('../../src/invite/config.ts'), async (original) => {
  const module = await original();
  return {
    ...module,
    serviceConfig(options) {
      const config = module.serviceConfig(options);
      const test = expect.getState().currentTestName ?? '';
      if (COUNTS_CALLS.some((name) => test.endsWith(name))) return config;
      // Each test has a seed of its own, so that a test that runs alone sees what it saw among the others.
      const ofTest = createHash('sha256').update(`${seed} ${test}`).digest().readInt32LE();
      return { ...config, storage: withWrongMemory(config.storage, ofTest) };
    },
  };
});
