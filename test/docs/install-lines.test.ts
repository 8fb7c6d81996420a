import { describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { drivers } from '../package/dependency-rules.ts';
import { codeBlocksOf, pages } from './pages.ts';

const SUBPATH = `${manifest.name}/`;

/** The host app creates their clients, so these adapters import no driver. */
const CLIENTS: Readonly<Record<string, readonly string[]>> = {
  'rate-limit/redis': ['ioredis'],
  'storage/mysql': ['mysql2'],
  'storage/postgres': ['pg'],
};

/** Comes with npm, with the page's own project, or with the package. */
const ALWAYS_THERE = ['express', manifest.name, ...Object.keys(manifest.dependencies), 'vitest'];

/** The packages that a specifier needs, apart from this one. */
function packagesOf(specifier: string): string[] {
  if (specifier.startsWith('node:') || specifier.startsWith('.')) return [];
  if (specifier.startsWith(SUBPATH)) {
    const subpath = specifier.slice(SUBPATH.length);
    return [...(drivers[subpath] ?? []), ...(CLIENTS[subpath] ?? [])];
  }
  return [/^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier];
}

/** The packages that the code blocks of a page need, apart from the ones that are always there. */
function needed(page: (typeof pages)[number]): string[] {
  const code = codeBlocksOf(page).filter(({ language }) => /^(?:ts|js)$/.test(language));
  const specifiers = code.flatMap(({ text }) =>
    [...text.matchAll(/\bfrom '([^']+)'/g)].map(([, specifier = '']) => specifier),
  );
  return [...new Set(specifiers.flatMap(packagesOf))].filter((name) => !ALWAYS_THERE.includes(name)).sort();
}

/** The packages in a page's `npm install` lines, without their versions. */
function installed({ text }: (typeof pages)[number]): string[] {
  return [...text.matchAll(/npm install ([^`\n]+)/g)].flatMap(([, names = '']) =>
    names.split(' ').map((name) => name.replace(/(?!^)@.*$/, '')),
  );
}

describe('each page in docs', () => {
  it.each(pages.filter(({ path }) => path !== 'README.md').map((page) => [page.path, page] as const))(
    '%s has the npm install line of each package that its code needs',
    (_path, page) => {
      expect(needed(page).filter((name) => !installed(page).includes(name))).toEqual([]);
    },
  );

  it('needs drivers on several pages', () => {
    expect(new Set(pages.flatMap(needed)).size).toBeGreaterThan(7);
  });
});
