import { execFile } from 'node:child_process';
import { access, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inject } from 'vitest';

const run = promisify(execFile);

/**
 * An empty project that installs packages from npm, as an operator would for production. Made once a run, whichever
 * test file asks first.
 *
 * @param packages what `npm install` takes
 * @param options further options of `npm install`
 */
export async function projectWith(
  name: string,
  packages: readonly string[],
  options: readonly string[] = [],
): Promise<string> {
  const folder = join(inject('packed').folder, name);
  if (await isInstalled(folder)) return folder;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name, private: true }));
  const always = ['--omit=dev', '--no-audit', '--no-fund'];
  await run('npm', ['install', ...always, ...options, ...packages], { cwd: folder });
  return folder;
}

/** npm writes this file last. */
const lockFile = (folder: string) => join(folder, 'node_modules/.package-lock.json');

function isInstalled(folder: string): Promise<boolean> {
  return access(lockFile(folder)).then(
    () => true,
    () => false,
  );
}

/** The names of all packages that a project has, those of the packages that it needs among them. */
export async function packagesIn(folder: string): Promise<string[]> {
  const { packages } = JSON.parse(await readFile(lockFile(folder), 'utf8')) as { packages: object };
  return Object.keys(packages).map((path) =>
    path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
  );
}

export async function versionIn(folder: string, name: string): Promise<string> {
  const text = await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Copies a program from beside the tests into a project, so that it finds what is installed there. */
export async function put(
  folder: string,
  program: string,
  name: string = basename(program),
): Promise<string> {
  const target = join(folder, name);
  await copyFile(fileURLToPath(new URL(`../${program}`, import.meta.url)), target);
  return target;
}
