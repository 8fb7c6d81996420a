import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile, compileEach } from './support/compile.ts';
import { consumerOf, EXPRESS_MAJORS, type ExpressMajor } from './support/consumers.ts';
import { startHost } from './support/host.ts';
import { NODE_MAJORS, type NodeMajor, nodePathOf } from './support/node-versions.ts';
import { copyInto, packagesIn, versionIn } from './support/project.ts';
import { driverOf, drivers, specifiers } from './support/subpaths.ts';
import { tableOf } from './support/table.ts';

const KINDS = ['ESM', 'CJS', 'TS'] as const;
type Kind = (typeof KINDS)[number];

const withoutDriver = specifiers.filter((specifier) => driverOf(specifier) === undefined);

const cells = KINDS.flatMap((kind) => EXPRESS_MAJORS.map((major) => [kind, major] as const));

const folders = new Map<ExpressMajor, string>();
/** The programs to run for each cell. TypeScript has one for each way to compile it. */
const programs = new Map<string, readonly string[]>();
/** The outcome of each cell. */
const outcomes = new Map<string, string>();
const expressVersions = new Map<ExpressMajor, string>();
const nodeVersions = new Map<NodeMajor, string>();

beforeAll(async () => {
  for (const major of EXPRESS_MAJORS) {
    const folder = await consumerOf(major);
    folders.set(major, folder);
    expressVersions.set(major, await versionIn(folder, 'express'));
    programs.set(`ESM ${major}`, [await copyInto(folder, 'consumer/main.mjs')]);
    programs.set(`CJS ${major}`, [await copyInto(folder, 'consumer/main.cjs')]);
  }
});

const folderOf = (major: ExpressMajor) => folders.get(major) ?? '';

describe.each(EXPRESS_MAJORS)('a project with Express %i', (major) => {
  it('contains the requested packages and no drivers, but for the one that Express brings', async () => {
    expect(expressVersions.get(major)).toMatch(new RegExp(`^${major}\\.`));
    expect(await versionIn(folderOf(major), '@types/express')).toMatch(new RegExp(`^${major}\\.`));
    const packages = await packagesIn(folderOf(major));
    expect(packages.filter((name) => drivers.has(name))).toEqual(['ipaddr.js']);
  });

  it('compiles with node16, nodenext, bundler and node10 resolution and checks all declarations', async () => {
    programs.set(`TS ${major}`, await compileEach(folderOf(major), withoutDriver));
  });

  it('does not compile with an option of the wrong type', async () => {
    const source =
      "import { createInviteRouter } from 'express-matrix-invite';\ncreateInviteRouter({ serverName: 1 });\n";
    await writeFile(join(folderOf(major), 'src/wrong.mts'), source);
    const options = { module: 'node16', moduleResolution: 'node16', noEmit: true, skipLibCheck: true };
    await expect(compile(folderOf(major), options, ['src/wrong.mts'])).rejects.toThrow(
      /wrong\.mts\(2,.*Type 'number' is not assignable/,
    );
  });
});

describe.each(NODE_MAJORS)('on Node %i', (nodeMajor) => {
  let node: string;

  beforeAll(async () => {
    node = await nodePathOf(nodeMajor);
  });

  it.each(cells)(
    'a host app in %s with Express %i mounts the router and serves invites',
    async (kind, expressMajor) => {
      outcomes.set(cellName(nodeMajor, kind, expressMajor), 'FAILED');
      const hostPrograms = programs.get(`${kind} ${expressMajor}`) ?? [];
      expect(hostPrograms).toHaveLength(kind === 'TS' ? 6 : 1);
      for (const program of hostPrograms) {
        const host = await startHost(node, program);
        const responses = await Promise.all([
          host.invite('alice-token'),
          host.invite('another-token'),
        ]).finally(() => host.stop());
        expect({ program, responses, stderr: await host.stop() }).toEqual({
          program,
          responses: [
            { status: 200, body: {} },
            { status: 401, body: { errcode: 'M_UNKNOWN_TOKEN', error: expect.any(String) } },
          ],
          stderr: '',
        });
        expect(host.node).toMatch(new RegExp(`^v${nodeMajor}\\.`));
        nodeVersions.set(nodeMajor, host.node);
      }
      outcomes.set(cellName(nodeMajor, kind, expressMajor), 'ok');
    },
  );
});

const cellName = (node: NodeMajor, kind: Kind, express: ExpressMajor) => [node, kind, express].join(' ');

afterAll(() => {
  const head = cells.map(([kind, major]) => `${kind}, Express ${expressVersions.get(major) ?? major}`);
  const rows = NODE_MAJORS.map((node) => [
    `Node ${nodeVersions.get(node) ?? node}`,
    ...cells.map(([kind, express]) => outcomes.get(cellName(node, kind, express)) ?? 'not run'),
  ]);
  console.log(
    `Installed from the tarball (TS: node16 and nodenext, each as ESM and CJS, bundler and node10)\n`,
  );
  console.log(tableOf([['', ...head], ...rows]));
});
