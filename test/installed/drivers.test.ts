import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { compileEach } from './support/compile.ts';
import { bareProject, consumerOf, consumerOfAllDrivers } from './support/consumers.ts';
import { NODE_MAJORS, nodePathOf } from './support/node-versions.ts';
import { copyInto, packagesIn } from './support/project.ts';
import { driverOf, drivers, specifiers } from './support/subpaths.ts';

const loaded = { import: 'loaded', require: 'loaded' };

/** The outcomes of loading a package that is not installed. */
const missing = (name: string) => ({
  import: {
    name: 'Error',
    code: 'ERR_MODULE_NOT_FOUND',
    firstLine: expect.stringMatching(`^Cannot find package '${name}' imported from `),
  },
  require: { name: 'Error', code: 'MODULE_NOT_FOUND', firstLine: `Cannot find module '${name}'` },
});

const outcomes = (outcomeOf: (specifier: string) => unknown) =>
  Object.fromEntries(specifiers.map((specifier) => [specifier, outcomeOf(specifier)]));

/** Loads all specifiers one after the other in a new process. Returns the outcomes of import and require. */
async function loadIn(project: string, node: string): Promise<unknown> {
  const program = await copyInto(project, 'consumer/load-each.mjs');
  return JSON.parse((await promisify(execFile)(node, [program, ...specifiers])).stdout);
}

const withoutDrivers = (specifier: string): unknown => {
  const driver = driverOf(specifier);
  return driver === undefined ? loaded : missing(driver);
};

/** Express brings a version of its own. */
const tooOld = {
  name: 'TypeError',
  firstLine: expect.stringMatching(
    /^express-matrix-invite\/federation \(or third-party\) needs ipaddr\.js >=2\.4\.0 <3: found version 1\./,
  ),
};
const withOldDriver = { import: tooOld, require: tooOld };

describe.each(NODE_MAJORS)('on Node %i', (major) => {
  let node: string;

  beforeAll(async () => {
    node = await nodePathOf(major);
  });

  it('each subpath loads without drivers, or fails with one line that names the missing driver', async () => {
    expect(await loadIn(await consumerOf(5), node)).toEqual(
      outcomes((specifier) =>
        driverOf(specifier) === 'ipaddr.js' ? withOldDriver : withoutDrivers(specifier),
      ),
    );
  });

  it('each subpath loads with the drivers installed', async () => {
    expect(await loadIn(await consumerOfAllDrivers(), node)).toEqual(outcomes(() => loaded));
  });
});

it('the types of all subpaths compile with the drivers installed', async () => {
  const project = await consumerOfAllDrivers();
  expect(await packagesIn(project)).toEqual(expect.arrayContaining([...drivers.keys()]));
  await compileEach(project, specifiers);
});

it('without Express, only the entries with a router report it as missing', async () => {
  expect(await loadIn(await bareProject(), process.execPath)).toEqual(
    outcomes((specifier) =>
      // The entries with a router. Those that need ipaddr.js lack that too, but Express is found to be missing first.
      specifier === packageJson.name || driverOf(specifier) === 'ipaddr.js'
        ? missing('express')
        : withoutDrivers(specifier),
    ),
  );
});
