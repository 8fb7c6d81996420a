import { type Page, proseOf, tablesOf } from './pages.ts';

/** An option that a page documents. `possibleOwners` are the names that may be its factory or options type. */
export type DocumentedOption = {
  readonly page: string;
  readonly possibleOwners: readonly string[];
  readonly name: string;
  readonly defaultValue: string;
};

/**
 * Returns the options in the tables of a page. In a table with the column `Option`, each row has one or more options.
 * Its header, or the paragraph before it, names the factory or options type that they belong to. In a table with the
 * column `Options (default)`, each row has a factory, named in the column `Name`.
 */
export function documentedOptions(page: Page): DocumentedOption[] {
  return tablesOf(proseOf(page)).flatMap(({ before, head, rows }) => {
    const optionsColumn = head.indexOf('Options (default)');
    if (optionsColumn !== -1) {
      const nameColumn = head.indexOf('Name');
      return rows.flatMap((row) => {
        const possibleOwners = quotedIn(row[nameColumn] ?? '');
        return [...(row[optionsColumn] ?? '').matchAll(/`([^`]+)` \(([^)]*)\)/g)].map(
          ([, name = '', defaultValue = '']) => ({
            page: page.path,
            possibleOwners,
            name,
            defaultValue: plain(defaultValue),
          }),
        );
      });
    }
    if (!/^Option\b/.test(head[0] ?? '')) return [];
    const possibleOwners = quotedIn(`${head[0]} ${before}`);
    const defaultColumn = head.indexOf('Default');
    return rows.flatMap((row) =>
      optionsIn(row[0] ?? '').map((name) => ({
        page: page.path,
        possibleOwners,
        name,
        defaultValue: plain(row[defaultColumn] ?? ''),
      })),
    );
  });
}

/** Returns the option names in a cell, without parameters. Skips command-line flags such as `--write`. */
function optionsIn(cell: string): string[] {
  return quotedIn(cell)
    .filter((name) => !name.startsWith('-'))
    .map((name) => name.replace(/\(.*\)$/, ''));
}

function quotedIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}

/** Strips Markdown, quotes and thousands separators from a default: `'allow'` becomes allow. */
export function plain(defaultValue: string): string {
  return defaultValue
    .replaceAll(/\{@link (\w+)\}/g, '$1')
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[`']/g, '')
    .replaceAll(/(?<=\d)[,_](?=\d{3})/g, '')
    .trim();
}
