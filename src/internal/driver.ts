import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The versions of the drivers that adapters import: from the first one on, below the next major version after `major`.
 *
 * package.json lists them as peer dependencies with the range `*`: npm refuses to install a package beside an optional
 * peer dependency of another version, even for a host app that never imports the adapter.
 */
export const DRIVER_VERSIONS = {
  '@opentelemetry/api': { from: '1.0.0', major: 1 },
  'ipaddr.js': { from: '2.4.0', major: 2 },
  jose: { from: '6.0.8', major: 6 },
  'linkify-it': { from: '6.0.0', major: 6 },
  oauth4webapi: { from: '3.0.0', major: 3 },
  'prom-client': { from: '15.0.0', major: 15 },
  re2js: { from: '1.4.0', major: 2 },
} as const;

/**
 * Checks a driver when its adapter is imported. In a bundle, whose packages have no version, only the exports count. Use
 * the returned module: bundlers drop a call whose result is unused, because the package has no side effects.
 *
 * @param adapter the subpath of the adapter, such as `auth/jwt`
 * @param driver the module. An adapter imports it as a namespace: a missing name would be a SyntaxError, too early for
 *   this check.
 * @param uses the exports that the adapter uses
 * @throws {TypeError} if the driver is too old or too new
 */
export function checkDriver<Driver extends object>(
  adapter: string,
  name: keyof typeof DRIVER_VERSIONS,
  driver: Driver,
  uses: readonly (keyof Driver & string)[],
): Driver {
  const { from, major } = DRIVER_VERSIONS[name];
  const found = installedVersion(name);
  const isComplete = uses.every((each) => driver[each] !== undefined);
  if (isComplete && (found === undefined || isBetween(found, from, major))) return driver;
  throw new TypeError(
    `express-matrix-invite/${adapter} needs ${name} >=${from} <${major + 1}: found version ${found ?? 'unknown'}`,
  );
}

function isBetween(version: string, from: string, major: number): boolean {
  return Number.parseInt(version, 10) <= major && version.localeCompare(from, 'en', { numeric: true }) >= 0;
}

/** Returns the version of the package that an import from this package loads, if it can be found. */
function installedVersion(name: string): string | undefined {
  try {
    const { resolve } = createRequire(import.meta.url);
    const ownFolder = dirname(resolve('express-matrix-invite/package.json'));
    // A bundle of the host app: the folders near it may hold another version than it contains.
    if (!fileURLToPath(import.meta.url).startsWith(ownFolder)) return undefined;
    // Not every package exports its package.json.
    for (const folder of resolve.paths(name) ?? []) {
      const version = versionIn(join(folder, name));
      if (version !== undefined) return version;
    }
  } catch {
    // Yarn's Plug'n'Play, or a bundle that is not a file: the exports decide.
  }
  return undefined;
}

function versionIn(folder: string): string | undefined {
  try {
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      version?: unknown;
    };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}
