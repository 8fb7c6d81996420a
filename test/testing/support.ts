import { describe, expect, it } from 'vitest';
import type { ContractCase } from '../../src/testing/contract.ts';
import { canRun } from '../../src/testing/contract.ts';
import { runContract } from '../../src/testing/run-contract.ts';
import type { Fault } from './faulty/fault.ts';

/**
 * Makes a test of every case of a contract. A case that the harness lacks something for is left out only if that
 * is among `without`: otherwise the test fails, so that no capability gets lost unnoticed.
 */
export function testContract<Harness extends { close?(): Promise<void> }>(
  what: string,
  cases: readonly ContractCase<Harness>[],
  createHarness: () => Promise<Harness>,
  without: readonly (keyof Harness & string)[] = [],
): void {
  describe(what, () => {
    for (const contractCase of cases) {
      const { name, postcondition, requires } = contractCase;
      if (requires !== undefined && without.includes(requires)) continue;
      it(`${postcondition}: ${name}`, async () => {
        const harness = await createHarness();
        try {
          if (!canRun(contractCase, harness)) throw new Error(`the harness lacks ${requires}`);
          await contractCase.run(harness);
        } finally {
          await harness.close?.();
        }
      });
    }
  });
}

/** Makes a test of every fault: the case that is named with it must fail, and its message must name the promise. */
export function itCatches<
  Adapter extends { readonly name: string },
  Harness extends { close?(): Promise<void> },
>(
  faults: readonly Fault<Adapter>[],
  cases: readonly ContractCase<Harness>[],
  createHarness: (adapter: Adapter) => Promise<Harness>,
): void {
  for (const { adapter, postcondition, name } of faults) {
    it(`${postcondition}: ${name} … catches ${adapter.name}`, async () => {
      const named = cases.filter((each) => each.name.startsWith(name));
      expect(named.map((each) => each.postcondition)).toEqual([postcondition]);
      const { failed, passed, skipped } = await runContract(named, () => createHarness(adapter));
      expect({ passed, skipped }).toEqual({ passed: [], skipped: [] });
      expect(String(failed[0]?.error)).toMatch(`Error: ${postcondition} is broken: "${named[0]?.name}": `);
    });
  }
}
