import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root folder of the package, with a trailing slash. */
export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url));

/** A Markdown page; `path` is relative to the package, as in `docs/auth.md`. */
export type Page = { readonly path: string; readonly text: string };

export function readPage(path: string): Page {
  return { path, text: readFileSync(`${ROOT}${path}`, 'utf8') };
}

/** README.md and every page in docs/. */
export const pages: readonly Page[] = [
  'README.md',
  ...readdirSync(`${ROOT}docs`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`),
].map(readPage);

/**
 * A fenced code block. `language` is the word after the fence, and `line` is the number of its first line. A block that
 * follows a link and a colon shows a file: `file` is the file's path.
 */
export type CodeBlock = {
  readonly page: string;
  readonly language: string;
  readonly text: string;
  readonly line: number;
  readonly file?: string;
};

export function codeBlocksOf({ path, text }: Page): CodeBlock[] {
  return [...text.matchAll(/^```(\S*)\n(.*?)^```$/gms)].map((match) => {
    const before = text.slice(0, match.index);
    const link = /\]\(([^)#]+)\):\n\n$/.exec(before)?.[1];
    return {
      page: path,
      language: match[1] ?? '',
      text: match[2] ?? '',
      line: before.split('\n').length + 1,
      ...(link !== undefined && { file: join(dirname(path), link) }),
    };
  });
}

/** Returns the text of a page without its code blocks. */
export function proseOf({ text }: Page): string {
  return text.replaceAll(/^```.*?^```$/gms, '');
}

/** A heading and the prose under it, up to the next heading of any level. */
export type Section = { readonly level: number; readonly title: string; readonly text: string };

export function sectionsOf(page: Page): Section[] {
  return [...proseOf(page).matchAll(/^(#+) (.+)\n((?:(?!#+ ).*\n?)*)/gm)].map((match) => ({
    level: (match[1] ?? '').length,
    title: match[2] ?? '',
    text: match[3] ?? '',
  }));
}

/** Returns the sections below a heading, up to the next heading of the same or a higher level. */
export function sectionsUnder(page: Page, title: string): Section[] {
  const sections = sectionsOf(page);
  const start = sections.findIndex((section) => section.title === title);
  const level = sections[start]?.level ?? 0;
  const rest = sections.slice(start + 1);
  const end = rest.findIndex((section) => section.level <= level);
  return start === -1 ? [] : rest.slice(0, end === -1 ? undefined : end);
}

/** Returns the anchor that GitHub generates for a heading. */
export function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
    .replaceAll(' ', '-');
}

/** A table: the paragraph before it, the cells of its header, and the cells of each row. */
export type Table = {
  readonly before: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
};

export function tablesOf(text: string): Table[] {
  return [...text.matchAll(/((?:^.+\n)*)\n*^(\|.*\|)\n\|[-| :]+\|\n((?:\|.*\|\n?)+)/gm)].map(
    ([, before = '', head = '', rows = '']) => ({
      before,
      head: cellsOf(head),
      rows: rows.trim().split('\n').map(cellsOf),
    }),
  );
}

function cellsOf(row: string): string[] {
  return row
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim());
}

/** Returns the rows of all tables in a piece of prose, without their headers. Removes backquotes from the cells. */
export function tableRowsOf(text: string): string[][] {
  return tablesOf(text).flatMap(({ rows }) => rows.map((row) => row.map((cell) => cell.replaceAll('`', ''))));
}
