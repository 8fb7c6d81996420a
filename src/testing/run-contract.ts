import { type ContractCase, whyNot } from './contract.ts';
import { within } from './within.ts';

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
  const { timeoutMs = 60_000 } = options;
  const passed: CaseName[] = [];
  const failed: (CaseName & { error: unknown })[] = [];
  const skipped: (CaseName & { requires: string })[] = [];
  for (const contractCase of cases) {
    const { name, postcondition } = contractCase;
    try {
      const requires = await withHarness(createHarness, async (harness) => {
        const lacking = whyNot(contractCase, harness);
        if (lacking === undefined) await within(timeoutMs, 'the case', contractCase.run(harness));
        return lacking;
      });
      if (requires === undefined) passed.push({ name, postcondition });
      else skipped.push({ name, postcondition, requires });
    } catch (error) {
      failed.push({ name, postcondition, error });
    }
  }
  return { passed, failed, skipped };
}

/**
 * Runs work with a fresh harness, and closes the harness.
 *
 * @throws (rejects) the first failure: a failure of `close` must not hide a broken promise
 */
export async function withHarness<Harness extends Closable, Result>(
  createHarness: () => Promise<Harness>,
  work: (harness: Harness) => Promise<Result>,
): Promise<Result> {
  const harness = await createHarness();
  const close = async () => harness.close?.();
  let result: Result;
  try {
    result = await work(harness);
  } catch (error) {
    await close().catch(() => {});
    throw error;
  }
  await close();
  return result;
}
