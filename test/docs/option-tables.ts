import { type Page, proseOf, tablesOf } from './pages.ts';

/** An option as a page has it: whose it is (`mentioned`), its name and its default. */
export type DocumentedOption = {
  readonly page: string;
  readonly mentioned: readonly string[];
  readonly name: string;
  readonly byDefault: string;
};

/**
 * The options in the tables of a page. A table with the column `Option` has an option or several a row; whose they are
 * is said in its head or in the paragraph before it, by the name of a factory or of a type of options. A table with the
 * column `Options (default)` has a factory a row, in the column `Name`.
 */
export function documentedOptions(page: Page): DocumentedOption[] {
  return tablesOf(proseOf(page)).flatMap(({ before, head, rows }) => {
    const all = head.indexOf('Options (default)');
    if (all !== -1) {
      const nameOf = head.indexOf('Name');
      return rows.flatMap((row) => {
        const mentioned = quotedIn(row[nameOf] ?? '');
        return [...(row[all] ?? '').matchAll(/`([^`]+)` \(([^)]*)\)/g)].map(
          ([, name = '', byDefault = '']) => ({
            page: page.path,
            mentioned,
            name,
            byDefault: plain(byDefault),
          }),
        );
      });
    }
    if (!/^Option\b/.test(head[0] ?? '')) return [];
    const mentioned = quotedIn(`${head[0]} ${before}`);
    const defaults = head.indexOf('Default');
    return rows.flatMap((row) =>
      optionsIn(row[0] ?? '').map((name) => ({
        page: page.path,
        mentioned,
        name,
        byDefault: plain(row[defaults] ?? ''),
      })),
    );
  });
}

/** Names without parameters. Those of a command line, `--write`, are options of no function. */
function optionsIn(cell: string): string[] {
  return quotedIn(cell)
    .filter((name) => !name.startsWith('-'))
    .map((name) => name.replace(/\(.*\)$/, ''));
}

function quotedIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}

/** A default without the marks of Markdown and of code, so that `'allow'` in backquotes is allow. */
export function plain(byDefault: string): string {
  return byDefault
    .replaceAll(/\{@link (\w+)\}/g, '$1')
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[`']/g, '')
    .replaceAll(/(?<=\d)[,_](?=\d{3})/g, '')
    .trim();
}
