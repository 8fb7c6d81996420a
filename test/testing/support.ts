import { describe, expect, it } from 'vitest';
import type { ContractCase } from '../../src/testing/contract.ts';
import { whyNot } from '../../src/testing/contract.ts';
import { runContract, withHarness } from '../../src/testing/run-contract.ts';
import type { Fault } from './faulty/fault.ts';

/**
 * Turns each case of a contract into a test. Skips a case that requires a property in `without`. A harness
 * that lacks any other property fails the test, so that no capability gets lost unnoticed. The same holds for the cases
 * that exceed a limit in `limits`.
 */
export function testContract<Harness extends { close?(): Promise<void> }>(
  what: string,
  cases: readonly ContractCase<Harness>[],
  createHarness: () => Promise<Harness>,
  without: readonly (keyof Harness & string)[] = [],
  limits: readonly string[] = [],
): void {
  describe(what, () => {
    for (const contractCase of cases) {
      const { name, postcondition, requires, unless } = contractCase;
      if (requires?.some((capability) => without.includes(capability))) continue;
      if (unless !== undefined && limits.includes(unless)) continue;
      it(`${postcondition}: ${name}`, async () => {
        await withHarness(createHarness, async (harness) => {
          const lacking = whyNot(contractCase, harness);
          if (lacking !== undefined) throw new Error(`the harness lacks ${lacking}`);
          await contractCase.run(harness);
        });
      });
    }
  });
}

/** Turns each fault into a test: its case must fail, with the broken promise in its message. */
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
