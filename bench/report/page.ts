import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The result of a command. */
export type Outcome = {
  /** Markdown for the blocks of `docs/performance.md`, by name. */
  readonly blocks: Readonly<Record<string, string>>;
  /** SVG charts, by their file name in `docs/images` without the extension. */
  readonly charts: Readonly<Record<string, string>>;
  /** Error messages. If there are any, nothing is written. */
  readonly failures: readonly string[];
};

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));
const PAGE = `${DOCS}performance.md`;

export async function writeOutcome({ blocks, charts }: Outcome): Promise<void> {
  await writeFile(PAGE, withBlocks(await readFile(PAGE, 'utf8'), blocks));
  for (const [name, svg] of Object.entries(charts)) {
    const path = `${DOCS}images/${name}.svg`;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, svg);
  }
}

/**
 * Replaces the blocks of a page. A block is everything between `<!-- bench:name -->` and `<!-- /bench:name -->`.
 *
 * @throws {Error} if the page has no block of that name
 */
export function withBlocks(page: string, blocks: Outcome['blocks']): string {
  let text = page;
  for (const [name, block] of Object.entries(blocks)) {
    const [begin, end] = [`<!-- bench:${name} -->\n`, `<!-- /bench:${name} -->`];
    const from = text.indexOf(begin);
    const to = text.indexOf(end, from);
    if (from === -1 || to === -1) throw new Error(`docs/performance.md has no block ${name}`);
    text = `${text.slice(0, from + begin.length)}\n${block}\n\n${text.slice(to)}`;
  }
  return text;
}
