import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Installs packages from PyPI into a virtual environment, which later calls with the same packages use again.
 *
 * @param packages with their versions, such as `matrix-sydent==2.6.1`
 * @returns the path of its Python
 * @throws {Error} (rejects) if there is no `python3` with `venv`, or PyPI cannot be reached
 */
export async function pythonEnvironment(folder: string, packages: readonly string[]): Promise<string> {
  const python = join(folder, 'bin/python');
  const complete = join(folder, 'complete');
  const wanted = packages.join('\n');
  const installed = await readFile(complete, 'utf8').catch(() => undefined);
  if (installed === wanted) return python;
  console.log(`Installing ${packages[0]} from PyPI`);
  await run('python3', ['-m', 'venv', '--clear', folder]);
  // Rather no packages than packages outside the folder.
  await run(python, ['-m', 'pip', '--require-virtualenv', 'install', '--quiet', ...packages]);
  await writeFile(complete, wanted);
  return python;
}
