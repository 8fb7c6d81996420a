import manifest from '../../package.json' with { type: 'json' };
import { entryPoints } from '../../scripts/entry-points.ts';
import { readPage, sectionsUnder, tableRowsOf } from './pages.ts';

/** The source file of each entry point, by the specifier that users import. */
export const sources: ReadonlyMap<string, string> = new Map(
  Object.entries(entryPoints()).map(([name, source]) => [
    name === 'index' ? manifest.name : `${manifest.name}/${name}`,
    source,
  ]),
);

/** The source files of all entry points. */
export const documentedSources: readonly string[] = [...sources.values()];

const [adapters] = sectionsUnder(readPage('README.md'), 'express-matrix-invite').filter(
  ({ title }) => title === 'Adapters',
);

/** The rows of the README's table of adapters: the specifier, and the names in the second column. */
export const adapterRows: readonly { readonly from: string; readonly names: readonly string[] }[] =
  tableRowsOf(adapters?.text ?? '')
    .filter(([from]) => from !== 'your code')
    .map(([from = '', names = '']) => ({ from, names: names.split(', ') }));
