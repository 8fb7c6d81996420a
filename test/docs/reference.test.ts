import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { OptionCheck } from '../../src/options.ts';
import { inviteRouterOptionChecks } from '../../src/router-options.ts';
import { inviteServiceOptionChecks } from '../../src/service/service-options.ts';
import {
  authContract,
  rateLimitContract,
  roomStoreContract,
  storageContract,
} from '../../src/testing/index.ts';
import { adapterRows, documentedSources, exportedSubpaths, sourceOf } from './entry-points.ts';
import { pages, proseOf, ROOT, readPage, sectionsOf, tableRowsOf } from './pages.ts';
import { exportsOf, memberComments } from './source.ts';

const mounting = readPage('docs/mounting.md');

function rowsUnder(title: string): string[][] {
  return tableRowsOf(sectionsOf(mounting).find((section) => section.title === title)?.text ?? '');
}

/** The default of an option as its doc comment says it. */
function defaultIn(comment: string): string | undefined {
  if (/\bRequired\b/.test(comment)) return 'required';
  return /\bDefault:? ([^.:;,]+)/.exec(comment.replaceAll(/\s+\*\s+/g, ' '))?.[1];
}

const comments = new Map([
  ...memberComments('src/service/service-options.ts', 'InviteServiceOptions'),
  ...memberComments('src/router-options.ts', 'InviteRouterOptions'),
]);

describe('the options in docs/mounting.md', () => {
  const serviceOptions: Record<string, OptionCheck> = inviteServiceOptionChecks;
  const routerOptions: Record<string, OptionCheck> = inviteRouterOptionChecks;
  const ofBoth = rowsUnder('Of createInviteService and createInviteRouter');
  const ofRouter = rowsUnder('Of createInviteRouter alone');

  it('are all that there are, and no others', () => {
    expect(ofBoth.map(([name]) => name)).toEqual(Object.keys(serviceOptions));
    expect([...ofBoth, ...ofRouter].map(([name]) => name)).toEqual(Object.keys(routerOptions));
  });

  it('have the defaults that the code says, and say which are required', () => {
    const documented = [...ofBoth, ...ofRouter].map(([name = '', value]) => [name, value]);
    expect(documented).toEqual(documented.map(([name = '']) => [name, defaultIn(comments.get(name) ?? '')]));
    const required = documented.filter(([, value]) => value === 'required').map(([name]) => name);
    expect(required).toEqual(Object.keys(routerOptions).filter((name) => routerOptions[name]?.required));
  });
});

describe('the public names', () => {
  const prose = pages.map(proseOf).join('\n');
  const everything = pages.map(({ text }) => text).join('\n');
  const expected = expect.arrayContaining(['createInviteRouter', 'MemoryStorage', 'runContract']);

  it('are each named in README or docs', () => {
    const names = documentedSources.flatMap(exportsOf);
    expect(names).toEqual(expected);
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(everything))).toEqual([]);
  });

  it('are explained in prose where they are no types', async () => {
    const modules: object[] = await Promise.all(
      documentedSources.map((path) => import(pathToFileURL(`${ROOT}${path}`).href)),
    );
    const names = modules.flatMap(Object.keys);
    expect(names).toEqual(expected);
    expect(names.filter((name) => !prose.includes(`\`${name}`))).toEqual([]);
  });
});

describe('the capabilities in docs/storage.md', () => {
  const section = sectionsOf(readPage('docs/storage.md')).find(({ title }) => title === 'Capabilities');
  const text = section?.text ?? '';
  const requiring = (cases: readonly { requires?: string }[], capability?: string) =>
    cases.filter(({ requires }) => requires === capability).length;

  it('unlock as many cases as the table says, and are all that cases require', () => {
    const rows = tableRowsOf(text).map(([member = '', , cases]) => [/^\w+/.exec(member)?.[0], Number(cases)]);
    const capabilities = new Set(storageContract.flatMap(({ requires }) => requires ?? []));
    const counted = [...capabilities].map((each) => [each, requiring(storageContract, each)]);
    expect(rows.sort()).toEqual(counted.sort());
    expect(text).toContain(
      `${requiring(storageContract)} of the\n${storageContract.length} cases of \`storageContract\``,
    );
  });

  it('of the other contracts are counted too', () => {
    const share = (cases: readonly { requires?: string }[], capability: string) =>
      `${requiring(cases, capability)} of ${cases.length}`;
    expect(text).toContain(
      `\`secondInstance\` unlocks ${share(roomStoreContract, 'secondInstance')} of \`roomStoreContract\` and ` +
        `${share(rateLimitContract, 'secondInstance')} of \`rateLimitContract\`;\n` +
        `\`unreachable\` unlocks ${share(authContract, 'unreachable')} of \`authContract\``,
    );
  });
});

describe("README's table of adapters", () => {
  it('has the subpaths that package.json exports', () => {
    const subpaths = ['.', ...adapterRows.map(({ subpath }) => subpath)];
    expect(subpaths.sort()).toEqual([...exportedSubpaths].sort());
  });

  it('names what they export', () => {
    for (const { subpath, names } of adapterRows) {
      expect(exportsOf(sourceOf(subpath))).toEqual(expect.arrayContaining([...names]));
    }
  });
});
