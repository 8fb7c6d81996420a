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
    expect(names.filter((name) => !new RegExp(`\`${name}\\b`).test(prose))).toEqual([]);
  });
});

describe('the capabilities in docs/storage.md', () => {
  const section = sectionsOf(readPage('docs/storage.md')).find(({ title }) => title === 'Capabilities');
  const text = section?.text ?? '';
  const unwrapped = text.replaceAll(/(?<=\S)\n(?=\S)/g, ' ');
  const requiring = (cases: readonly { requires?: string }[], capability?: string) =>
    cases.filter(({ requires }) => requires === capability).length;

  it('unlock as many cases as the table says, and are all that cases require', () => {
    const rows = tablesOf(text)
      .filter(({ head }) => head[0] === 'Member')
      .flatMap((table) => table.rows)
      .map(([member = '', , cases]) => [/\w+/.exec(member)?.[0], Number(cases)]);
    const capabilities = new Set(storageContract.flatMap(({ requires }) => requires ?? []));
    const counted = [...capabilities].map((each) => [each, requiring(storageContract, each)]);
    expect(rows.sort()).toEqual(counted.sort());
    expect(unwrapped).toContain(
      `${requiring(storageContract)} of the ${storageContract.length} cases of \`storageContract\``,
    );
  });

  it('are with what is required all that a harness may have', () => {
    const [harness] = declarationsOf('src/testing/index.ts', 'StorageHarness');
    const members = harness === undefined ? [] : [...membersOf('src/testing/index.ts', harness).keys()];
    const inTables = tablesOf(text).flatMap(({ rows }) =>
      rows.map(([member = '']) => /\w+/.exec(member)?.[0]),
    );
    const inProse = [...text.matchAll(/`(\w+)\?\([^`]*\): Promise<void>`/g)].map((match) => match[1]);
    expect([...inTables, ...inProse].sort()).toEqual([...members].sort());
  });

  it('of the other contracts are counted too', () => {
    const share = (cases: readonly { requires?: string }[], capability: string) =>
      `${requiring(cases, capability)} of the ${cases.length} cases of`;
    expect(unwrapped).toContain(
      `\`secondInstance\` unlocks ${share(roomStoreContract, 'secondInstance')} \`roomStoreContract\` and ` +
        `${share(rateLimitContract, 'secondInstance')} \`rateLimitContract\`. ` +
        `\`unreachable\` unlocks ${share(authContract, 'unreachable')} \`authContract\``,
    );
  });
});

describe("README's table of adapters", () => {
  it('has every entry point but the package itself', () => {
    const rows = [manifest.name, ...adapterRows.map(({ from }) => from)];
    expect(rows.sort()).toEqual([...sources.keys()].sort());
  });

  it('names what they export', () => {
    for (const { from, names } of adapterRows) {
      expect(exportsOf(sources.get(from) ?? '')).toEqual(expect.arrayContaining([...names]));
    }
  });
});
