import type { CaseName } from '../../../src/testing/run-contract.ts';

/** An adapter that breaks one promise, and the case that must find it out. */
export type Fault<Adapter> = CaseName & { readonly adapter: Adapter };

/**
 * @param postcondition the promise that the adapter breaks
 * @param name how the name of the case begins
 */
export function fault<Adapter>(adapter: Adapter, postcondition: string, name: string): Fault<Adapter> {
  return { adapter, postcondition, name };
}
