import type { CaseName } from '../../../src/testing/run-contract.ts';

/** An adapter that breaks one promise, and the case that must catch it. */
export type Fault<Adapter> = CaseName & { readonly adapter: Adapter };

/**
 * @param postcondition the promise that the adapter breaks
 * @param name the start of the case's name
 */
export function fault<Adapter>(adapter: Adapter, postcondition: string, name: string): Fault<Adapter> {
  return { adapter, postcondition, name };
}
