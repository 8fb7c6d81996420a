import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { copyInto } from './project.ts';

const tsc = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url));

/** The module resolutions to test, and the kinds of modules to compile with each. */
const resolutions = [
  { moduleResolution: 'node16', module: 'node16', kinds: ['mts', 'cts'] },
  { moduleResolution: 'nodenext', module: 'nodenext', kinds: ['mts', 'cts'] },
  { moduleResolution: 'bundler', module: 'esnext', kinds: ['mts'] },
  // It knows no `exports`, and finds subpaths by `typesVersions`.
  { moduleResolution: 'node10', module: 'commonjs', ignoreDeprecations: '6.0', kinds: ['cts'] },
] as const;

/**
 * Compiles consumer/main.ts in a project together with a file that imports the types of these specifiers. Uses
 * `strict` and checks the declarations of all libraries. The
 * declarations also need no later `lib` than `es2020`.
 *
 * @returns the compiled programs
 * @throws {Error} with the output of the compiler
 */
export async function compileEach(project: string, specifiers: readonly string[]): Promise<string[]> {
  await mkdir(join(project, 'src'), { recursive: true });
  for (const kind of ['mts', 'cts']) {
    await copyInto(project, 'consumer/main.ts', `src/main.${kind}`);
    await writeFile(join(project, `src/types.${kind}`), typesOf(specifiers));
  }
  const programs: string[] = [];
  for (const { kinds, ...options } of resolutions) {
    const outDir = `compiled/${options.moduleResolution}`;
    const files = kinds.flatMap((kind) => [`src/main.${kind}`, `src/types.${kind}`]);
    await compile(project, { ...options, outDir }, files);
    programs.push(...kinds.map((kind) => join(project, outDir, `main.${kind.replace('ts', 'js')}`)));
  }
  const oldest = { moduleResolution: 'node16', module: 'node16', target: 'es2020', lib: ['es2020'] };
  await compile(project, { ...oldest, noEmit: true }, ['src/types.mts', 'src/types.cts']);
  return programs;
}

/** Compiles files in the folder `src` of a project. */
export async function compile(project: string, options: object, files: readonly string[]): Promise<void> {
  const compilerOptions = {
    target: 'es2023',
    strict: true,
    skipLibCheck: false,
    types: ['node'],
    rootDir: 'src',
    ...options,
  };
  const config = join(project, 'tsconfig.json');
  await writeFile(config, JSON.stringify({ compilerOptions, files }));
  await new Promise<void>((resolve, reject) => {
    execFile(process.execPath, [tsc, '-p', config], (error, stdout) =>
      error ? reject(new Error(`${JSON.stringify(options)}: ${stdout}`)) : resolve(),
    );
  });
}

function typesOf(specifiers: readonly string[]): string {
  const imports = specifiers.map((specifier, index) => `import type * as m${index} from '${specifier}';`);
  const all = specifiers.map((_, index) => `typeof m${index}`);
  return [...imports, `export type All = [${all}];`].join('\n');
}
