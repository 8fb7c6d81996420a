import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import * as host from './host.ts';
import { type CodeBlock, codeBlocksOf, pages, ROOT } from './pages.ts';

/** The program that runs a block. It is detected from the block's imports. */
export type Runner = 'plain' | 'node:test' | 'vitest';

/** A code block that is written to a file as a module. */
export type BlockFile = CodeBlock & { readonly path: string; readonly runner: Runner };

/** A folder with a file for each block. `remove` deletes it. */
export type BlockFolder = {
  readonly path: string;
  readonly files: readonly BlockFile[];
  remove(): Promise<void>;
};

/**
 * Writes each `ts` block of the README and docs to its own file, as a module. A block that begins with a comment such
 * as `// club-storage.ts` gets that file name, so that other blocks of the page can import it. Leaves out the blocks that
 * show a file, which is tested itself.
 */
export async function writeBlocks(): Promise<BlockFolder> {
  // Inside the package, so that its dependencies are found. The dot hides the folder from other tools.
  const path = await mkdtemp(`${ROOT}.docs-blocks-`);
  const blocks = pages
    .flatMap(codeBlocksOf)
    .filter(({ language, file }) => language === 'ts' && file === undefined);
  const files = blocks.map((block) => ({
    ...block,
    path: `${path}/${fileNameOf(block)}`,
    runner: runnerOf(block),
  }));
  for (const file of files) {
    await mkdir(dirname(file.path), { recursive: true });
    await writeFile(file.path, moduleTextOf(file));
  }
  await writeFile(`${path}/tsconfig.json`, JSON.stringify(TSCONFIG));
  await writeFile(`${path}/vitest.config.ts`, VITEST_CONFIG);
  return { path, files, remove: () => rm(path, { recursive: true }) };
}

const TSCONFIG = {
  extends: '../tsconfig.json',
  compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
  include: ['**/*.ts'],
};

const VITEST_CONFIG = `export default { resolve: { tsconfigPaths: true } };\n`;

function fileNameOf({ page, text, line }: CodeBlock): string {
  const name = /^\/\/ (\S+\.ts)\n/.exec(text)?.[1] ?? `line-${line}.ts`;
  return `${page.replace(/\.md$/, '')}/${name}`;
}

function runnerOf({ text }: CodeBlock): Runner {
  if (/ from 'vitest';/.test(text)) return 'vitest';
  return / from 'node:test';/.test(text) ? 'node:test' : 'plain';
}

/** Imports the host's names on the block's first line, so that line numbers stay the same. */
function moduleTextOf({ text, path }: BlockFile): string {
  const names = Object.keys(host).filter((name) => uses(text, name) && !declares(text, name));
  const from = relative(dirname(path), `${ROOT}test/docs/host.ts`);
  return `import { ${names.join(', ')} } from '${from}'; ${text}\nexport {};\n`;
}

function uses(text: string, name: string): boolean {
  return new RegExp(`(?<![.'\\w])${name}\\b(?!:)`).test(text);
}

function declares(text: string, name: string): boolean {
  return new RegExp(`(?:const|function|class) ${name}\\b|import (?:{[^}]*\\b)?${name}\\b`).test(text);
}
