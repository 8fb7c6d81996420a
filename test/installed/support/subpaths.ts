import packageJson from '../../../package.json' with { type: 'json' };
import { entryPoints } from '../../../scripts/entry-points.ts';
import { DRIVER_VERSIONS } from '../../../src/internal/driver.ts';
import { drivers as imported } from '../../package/dependency-rules.ts';

/** The specifiers that users can import. */
export const specifiers: readonly string[] = Object.keys(entryPoints()).map((name) =>
  name === 'index' ? packageJson.name : `${packageJson.name}/${name}`,
);

/** The optional peer dependencies, each with its argument for `npm install`, such as `jose@6`. */
export const drivers: ReadonlyMap<string, string> = new Map(
  Object.keys(packageJson.peerDependenciesMeta).map((name) => [name, `${name}@${majorOf(name)}`]),
);

/** The newest major version that the adapter accepts. */
function majorOf(name: string): number | 'latest' {
  const versions: Readonly<Record<string, { readonly major: number }>> = DRIVER_VERSIONS;
  return versions[name]?.major ?? 'latest';
}

/** Returns the driver that a specifier imports. The host app passes all other drivers to their adapters. */
export function driverOf(specifier: string): string | undefined {
  const adapter = specifier.slice(`${packageJson.name}/`.length);
  return imported[adapter]?.find((name) => drivers.has(name));
}
