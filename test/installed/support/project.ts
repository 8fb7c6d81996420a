import { execFile } from 'node:child_process';
import { access, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inject } from 'vitest';

const run = promisify(execFile);

/**
 * Returns the folder of a project that has these packages installed from npm, as for production. Each project is
 * created once per run, by the first test file that needs it.
 *
 * @param packages the packages, as `npm install` takes them
 * @param options additional options of `npm install`
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
  const defaultOptions = ['--omit=dev', '--no-audit', '--no-fund'];
  await run('npm', ['install', ...defaultOptions, ...options, ...packages], { cwd: folder });
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

/** Returns the names of all packages in a project, including transitive dependencies. */
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

/** Copies a program from `test/installed` into a project, so that it finds the packages there. Returns its path. */
export async function copyInto(
  folder: string,
  program: string,
  name: string = basename(program),
): Promise<string> {
  const target = join(folder, name);
  await copyFile(fileURLToPath(new URL(`../${program}`, import.meta.url)), target);
  return target;
}
