import { existsSync } from 'node:fs';
import manifest from '../../package.json' with { type: 'json' };
import tsconfig from '../../tsconfig.json' with { type: 'json' };
import { ROOT, readPage, sectionsUnder, tableRowsOf } from './pages.ts';

/** The subpaths that package.json exports: `.`, `./testing`, … */
export const exportedSubpaths: readonly string[] = Object.keys(manifest.exports).filter(
  (subpath) => subpath !== './package.json',
);

const [adapters] = sectionsUnder(readPage('README.md'), 'express-matrix-invite').filter(
  ({ title }) => title === 'Adapters',
);

/** README's table of adapters: what is imported, and the names in its second column. */
export const adapterRows: readonly { readonly subpath: string; readonly names: readonly string[] }[] =
  tableRowsOf(adapters?.text ?? '')
    .filter(([from]) => from !== 'your code')
    .map(([from = '', names = '']) => ({
      subpath: from.replace(manifest.name, '.'),
      names: names.split(', '),
    }));

/** The sources of the entry points that README names, the package itself first. */
export const documentedSources: readonly string[] = ['.', ...adapterRows.map(({ subpath }) => subpath)].map(
  sourceOf,
);

/** The source of an entry point, by the paths of tsconfig.json. */
export function sourceOf(subpath: string): string {
  const name = `${manifest.name}${subpath.slice(1)}`;
  for (const [alias, targets] of Object.entries(tsconfig.compilerOptions.paths)) {
    const [start = '', end] = alias.split('*');
    if (end === undefined ? name !== alias : !name.startsWith(start)) continue;
    const paths = targets.map((target) => target.replace('./', '').replace('*', name.slice(start.length)));
    const path = paths.find((candidate) => existsSync(ROOT + candidate));
    if (path !== undefined) return path;
  }
  throw new Error(`no source for ${subpath}`);
}
