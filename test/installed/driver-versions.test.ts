import { execFile } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, inject, it } from 'vitest';
import { DRIVER_VERSIONS } from '../../src/internal/driver.ts';
import { copyInto, projectWith, versionIn } from './support/project.ts';
import { driverOf, drivers, specifiers } from './support/subpaths.ts';

/** Versions that a host app may have for things of its own. All are older than what the adapters need. */
const OLDER = {
  '@opentelemetry/api': '0.21.0',
  ioredis: '4',
  'ipaddr.js': '1',
  jose: '5',
  'linkify-it': '4',
  mysql2: '2',
  oauth4webapi: '2',
  pg: '7',
  'prom-client': '14',
  re2js: '1.3',
};

/** Other versions that npm must accept, and that are just below the first one that works. */
const JUST_BELOW = { jose: '6.0.7', 'linkify-it': '5' };

/** The first version of each driver. For `pg`, `mysql2` and `ioredis`, which the host app passes, those that the docs name. */
const FIRST = {
  ioredis: '5.0.0',
  mysql2: '3.9.0',
  pg: '8.11.0',
  ...Object.fromEntries(Object.entries(DRIVER_VERSIONS).map(([name, { from }]) => [name, from])),
};

const packagesOf = (versions: object) =>
  Object.entries(versions).map(([name, version]) => `${name}@${version}`);

/** Installs the package beside these drivers. Rejects if npm refuses to. */
const projectBeside = (name: string, versions: object) =>
  projectWith(name, [inject('packed').tarball, 'express@5', ...packagesOf(versions)]);

type Outcome = { readonly import: unknown; readonly require: unknown };

async function loadIn(
  project: string,
  names: readonly string[] = specifiers,
): Promise<Record<string, Outcome>> {
  const program = await copyInto(project, 'consumer/load-each.mjs');
  return JSON.parse((await promisify(execFile)(process.execPath, [program, ...names])).stdout);
}

const isImported = (name: string | undefined): name is keyof typeof DRIVER_VERSIONS =>
  name !== undefined && name in DRIVER_VERSIONS;

/** The outcome of loading a subpath beside a driver of this version. */
function refused(specifier: string, name: keyof typeof DRIVER_VERSIONS, version: string): Outcome {
  const { from, major } = DRIVER_VERSIONS[name];
  // Two subpaths share the module that imports it.
  const importer = name === 'ipaddr.js' ? 'express-matrix-invite/federation (or third-party)' : specifier;
  const error = {
    name: 'TypeError',
    firstLine: `${importer} needs ${name} >=${from} <${major + 1}: found version ${version}`,
  };
  return { import: error, require: error };
}

const LOADED: Outcome = { import: 'loaded', require: 'loaded' };

async function expectRefusedOnlyWhereImported(project: string, names: object): Promise<void> {
  const versions = new Map(
    await Promise.all(
      Object.keys(names).map(async (name) => [name, await versionIn(project, name)] as const),
    ),
  );
  const loadable = specifiers.filter((specifier) => {
    const driver = driverOf(specifier);
    return driver === undefined || versions.has(driver);
  });
  const expected = loadable.map((specifier) => {
    const driver = driverOf(specifier);
    return [
      specifier,
      isImported(driver) ? refused(specifier, driver, versions.get(driver) ?? '') : LOADED,
    ] as const;
  });
  expect(await loadIn(project, loadable)).toEqual(Object.fromEntries(expected));
}

describe('npm installs the package', () => {
  it('beside an older version of every driver, and each subpath that imports one says what it needs', async () => {
    expect(Object.keys(OLDER).sort()).toEqual([...drivers.keys()].sort());
    await expectRefusedOnlyWhereImported(await projectBeside('older-drivers', OLDER), OLDER);
  });

  it('beside versions that lack a single export', async () => {
    await expectRefusedOnlyWhereImported(await projectBeside('lacking-drivers', JUST_BELOW), JUST_BELOW);
  });

  it('beside the first version of every driver that works, and each adapter does', async () => {
    const project = await projectBeside('first-drivers', FIRST);
    for (const [name, version] of Object.entries(FIRST)) expect(await versionIn(project, name)).toBe(version);
    expect(await loadIn(project)).toEqual(Object.fromEntries(specifiers.map((each) => [each, LOADED])));
    const program = await copyInto(project, 'consumer/use-drivers.mjs');
    const { stdout } = await promisify(execFile)(process.execPath, [program]);
    expect(JSON.parse(stdout)).toMatchObject({
      jwt: { requester: { userId: '@alice:example.org' } },
      oauthIntrospection: { requester: { userId: '@alice:example.org' } },
      appServices: { requester: { userId: '@irc_bob:example.org' } },
      contentRules: [{ message: 'The reason must have no links' }, null],
      identityServers: ['address', 'tls'],
      prometheus: 'matrix_invite_requests_total{status="200",errcode="",outcome="invited"} 1',
      openTelemetry: 'POST /_matrix/client/v3/rooms/{roomId}/invite',
    });
  });

  it('and refuses a driver of a major version that is not known yet', async () => {
    const project = await projectBeside('first-drivers', FIRST);
    const newer = join(inject('packed').folder, 'newer-drivers');
    await cp(project, newer, { recursive: true });
    for (const name of Object.keys(DRIVER_VERSIONS)) {
      const path = join(newer, 'node_modules', name, 'package.json');
      await writeFile(
        path,
        JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), version: '99.0.0' }),
      );
    }
    await expectRefusedOnlyWhereImported(newer, DRIVER_VERSIONS);
  });
});
