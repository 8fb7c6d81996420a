import packageJson from '../../../package.json' with { type: 'json' };
import { entryPoints } from '../../../scripts/entry-points.ts';
import { drivers as imported } from '../../package/dependency-rules.ts';

/** The specifiers that users can import. */
export const specifiers: readonly string[] = Object.keys(entryPoints()).map((name) =>
  name === 'index' ? packageJson.name : `${packageJson.name}/${name}`,
);

/** The optional peer dependencies, each with its argument for `npm install`, such as `pg@^8.11.0`. */
export const drivers: ReadonlyMap<string, string> = new Map(
  Object.entries(packageJson.peerDependencies)
    .filter(([name]) => name in packageJson.peerDependenciesMeta)
    .map(([name, range]) => [name, `${name}@${range}`]),
);

/** Returns the driver that a specifier imports. The host app passes all other drivers to their adapters. */
export function driverOf(specifier: string): string | undefined {
  const adapter = specifier.slice(`${packageJson.name}/`.length);
  return imported[adapter]?.find((name) => drivers.has(name));
}
