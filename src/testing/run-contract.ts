import { setTimeout as delay } from 'node:timers/promises';
import { type ContractCase, canRun } from './contract.ts';

/** Which case it was. */
export type CaseName = { readonly name: string; readonly postcondition: string };

/** What became of every case of a contract: each one is in exactly one of the lists. */
export type ContractReport = {
  readonly passed: readonly CaseName[];
  readonly failed: readonly (CaseName & { readonly error: unknown })[];
  /** Cases that need something the harness does not offer, and what that is. */
  readonly skipped: readonly (CaseName & { readonly requires: string })[];
};

/**
 * What {@link runContract} asks of a harness.
 *
 * @inline
 */
type Closable = {
  /** Frees what the harness holds. */
  close?(): Promise<void>;
};

/**
 * Runs the cases of a contract one by one, each with a fresh harness: for people without a test runner. With one,
 * make a test of each case instead, and ask `canRun` first.
 *
 * @param createHarness called once a case; a failure of it, or of the harness's `close`, fails that case
 * @param options.timeoutMs a case that takes longer (milliseconds) counts as failed (default 60,000)
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
    const { name, postcondition, requires } = contractCase;
    try {
      const harness = await createHarness();
      try {
        if (requires !== undefined && !canRun(contractCase, harness)) {
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
    throw new Error(`not done after ${timeoutMs} ms`);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    cancel.abort();
    await late.catch(() => {});
  }
}
