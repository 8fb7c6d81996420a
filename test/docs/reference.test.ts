import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import {
  authContract,
  rateLimitContract,
  roomStoreContract,
  storageContract,
} from '../../src/testing/index.ts';
import { adapterRows, documentedSources, sources } from './entry-points.ts';
import { membersOf } from './factories.ts';
import { pages, proseOf, ROOT, readPage, sectionsOf, tablesOf } from './pages.ts';
import { declarationsOf, exportsOf } from './source.ts';

describe('the public names', () => {
  const prose = pages.map(proseOf).join('\n');
  const allText = pages.map(({ text }) => text).join('\n');
  const expected = expect.arrayContaining(['createInviteRouter', 'MemoryStorage', 'runContract']);

  it('are each mentioned in the README or docs', () => {
    const names = documentedSources.flatMap(exportsOf);
    expect(names).toEqual(expected);
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(allText))).toEqual([]);
  });

  it('are mentioned in prose unless they are types', async () => {
    const modules: object[] = await Promise.all(
      documentedSources.map((path) => import(pathToFileURL(`${ROOT}${path}`).href)),
    );
    const names = modules.flatMap(Object.keys);
    expect(names).toEqual(expected);
    expect(names.filter((name) => !new RegExp(`\`${name}\\b`).test(prose))).toEqual([]);
  });
});

type Requiring = { readonly requires?: readonly string[] };

describe('the capabilities in docs/storage.md', () => {
  const section = sectionsOf(readPage('docs/storage.md')).find(({ title }) => title === 'Capabilities');
  const text = section?.text ?? '';
  const unwrapped = text.replaceAll(/(?<=\S)\n(?=\S)/g, ' ');
  const countRequiring = (cases: readonly Requiring[], capability?: string) =>
    cases.filter(({ requires = [] }) =>
      capability === undefined ? requires.length === 0 : requires.includes(capability),
    ).length;

  it('are all listed, each with the number of contract cases that it unlocks', () => {
    const rows = tablesOf(text)
      .filter(({ head }) => head[0] === 'Member')
      .flatMap((table) => table.rows)
      .map(([member = '', , cases]) => [/\w+/.exec(member)?.[0], Number(cases)]);
    const capabilities = new Set(storageContract.flatMap(({ requires }) => requires ?? []));
    const counted = [...capabilities].map((each) => [each, countRequiring(storageContract, each)]);
    expect(rows.sort()).toEqual(counted.sort());
    expect(unwrapped).toContain(
      `${countRequiring(storageContract)} of the ${storageContract.length} cases of \`storageContract\``,
    );
  });

  it('are, together with the required members, all the members of a storage harness', () => {
    const [harness] = declarationsOf('src/testing/index.ts', 'StorageHarness');
    const members = harness === undefined ? [] : [...membersOf('src/testing/index.ts', harness).keys()];
    const inTables = tablesOf(text).flatMap(({ rows }) =>
      rows.map(([member = '']) => /\w+/.exec(member)?.[0]),
    );
    expect(inTables.sort()).toEqual([...members].sort());
  });

  it('of the other contracts are listed with the number of cases that they unlock', () => {
    const share = (cases: readonly Requiring[], capability: string) =>
      `${countRequiring(cases, capability)} of the ${cases.length} cases of`;
    expect(unwrapped).toContain(
      `\`secondInstance\` unlocks ${share(roomStoreContract, 'secondInstance')} \`roomStoreContract\` and ` +
        `${share(rateLimitContract, 'secondInstance')} \`rateLimitContract\`. ` +
        `\`unreachable\` unlocks ${share(authContract, 'unreachable')} \`authContract\``,
    );
  });
});

describe('the table of adapters in the README', () => {
  it('lists every entry point except the root of the package', () => {
    const rows = [manifest.name, ...adapterRows.map(({ from }) => from)];
    expect(rows.sort()).toEqual([...sources.keys()].sort());
  });

  it('lists only names that the entry points export', () => {
    for (const { from, names } of adapterRows) {
      expect(exportsOf(sources.get(from) ?? '')).toEqual(expect.arrayContaining([...names]));
    }
  });
});
