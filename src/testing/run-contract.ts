import { setTimeout as delay } from 'node:timers/promises';
import { type ContractCase, whyNot } from './contract.ts';

/** Identifies a case. */
export type CaseName = { readonly name: string; readonly postcondition: string };

/** The results of a contract. Each case is in exactly one list. */
export type ContractReport = {
  readonly passed: readonly CaseName[];
  readonly failed: readonly (CaseName & { readonly error: unknown })[];
  /** Cases that require a property that the harness lacks, or that exceed a limit that it declares. */
  readonly skipped: readonly (CaseName & { readonly requires: string })[];
};

/**
 * The part of a harness that {@link runContract} uses.
 *
 * @inline
 */
type Closable = {
  /** Releases the resources of the harness. */
  close?(): Promise<void>;
};

/**
 * Runs the cases of a contract one by one, each with a fresh harness, without a test runner. With a test
 * runner, turn each case into a test instead, and call `canRun` first.
 *
 * @param createHarness called once per case; if it or the harness's `close` fails, the case fails
 * @param options.timeoutMs the maximum time for a case, in milliseconds (default 60,000)
 */
export async function runContract<Harness extends Closable>(
  cases: readonly ContractCase<Harness>[],
  createHarness: () => Promise<Harness>,
  options: { readonly timeoutMs?: number } = {},
): Promise<ContractReport> {
  const passed: CaseName[] = [];
  const failed: (CaseName & { error: unknown })[] = [];
  const skipped: (CaseName & { requires: string })[] = [];
  for (const contractCase of cases) {
    const { name, postcondition } = contractCase;
    try {
      const harness = await createHarness();
      try {
        const requires = whyNot(contractCase, harness);
        if (requires !== undefined) {
          skipped.push({ name, postcondition, requires });
          continue;
        }
        await within(options.timeoutMs ?? 60_000, contractCase.run(harness));
      } finally {
        await harness.close?.();
      }
      passed.push({ name, postcondition });
    } catch (error) {
      failed.push({ name, postcondition, error });
    }
  }
  return { passed, failed, skipped };
}

async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  const cancel = new AbortController();
  const late = delay(timeoutMs, undefined, { signal: cancel.signal }).then(() => {
    throw new Error(`the case did not finish within ${timeoutMs} ms`);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    cancel.abort();
    await late.catch(() => {});
  }
}
