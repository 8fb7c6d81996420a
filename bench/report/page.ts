import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a command has found out. */
export type Outcome = {
  /** Markdown for the places in `docs/performance.md` that are marked with these names. */
  readonly blocks: Readonly<Record<string, string>>;
  /** Charts, by their names in `docs/images`. */
  readonly charts: Readonly<Record<string, string>>;
  /** What went wrong: then nothing is written. */
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
 * The page with what stands between `<!-- bench:name -->` and `<!-- /bench:name -->` replaced.
 *
 * @throws {Error} when a name is not marked
 */
export function withBlocks(page: string, blocks: Outcome['blocks']): string {
  let text = page;
  for (const [name, block] of Object.entries(blocks)) {
    const [begin, end] = [`<!-- bench:${name} -->\n`, `<!-- /bench:${name} -->`];
    const from = text.indexOf(begin);
    const to = text.indexOf(end, from);
    if (from === -1 || to === -1) throw new Error(`docs/performance.md has no place for ${name}`);
    text = `${text.slice(0, from + begin.length)}\n${block}\n\n${text.slice(to)}`;
  }
  return text;
}
