import { pathToFileURL } from 'node:url';
import { ROOT } from '../docs/pages.ts';

// TypeScript has no types for this file: a literal specifier would not compile.
const config: {
  readonly DRIVERS: Readonly<Record<string, readonly string[]>>;
  readonly default: { readonly forbidden: readonly { readonly name: string }[] };
} = await import(pathToFileURL(`${ROOT}.dependency-cruiser.mjs`).href);

/** The packages that each adapter may import, by the adapter's kind and name. */
export const drivers: Readonly<Record<string, readonly string[]>> = config.DRIVERS;

/** The names of the rules on imports. */
export const ruleNames: readonly string[] = config.default.forbidden.map(({ name }) => name);
