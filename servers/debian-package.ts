import { execFile } from 'node:child_process';
import { access, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const LOCK = join(tmpdir(), 'invite-tests-apt-lock');

/**
 * A file that a Debian package brings; the package is installed where it is missing and we are root.
 *
 * @param find looks for the file: `undefined` when it is not there
 * @throws {Error} with the command that would help
 */
export async function installedFile(
  packageName: string,
  find: () => Promise<string | undefined>,
): Promise<string> {
  const found = await find();
  if (found !== undefined) return found;
  const help = `Tests need ${packageName}. Install it: sudo apt-get update && sudo apt-get install -y ${packageName}`;
  if (process.getuid?.() !== 0) throw new Error(help);
  try {
    await withLock(async () => {
      // Another test file may have installed it meanwhile.
      if ((await find()) !== undefined) return;
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      await run('apt-get', ['update', '-q'], { env });
      await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', packageName], { env });
    });
  } catch (cause) {
    throw new Error(help, { cause });
  }
  const installed = await find();
  if (installed === undefined) throw new Error(help);
  return installed;
}

/** The path of a command, looked for on the PATH and where Debian puts servers; its package is installed as above. */
export function installedCommand(command: string, packageName: string = command): Promise<string> {
  return installedFile(packageName, async () => {
    for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin']) {
      const path = join(folder, command);
      const isThere = await access(path).then(
        () => true,
        () => false,
      );
      if (isThere) return path;
    }
    return undefined;
  });
}

/** Test files run in processes of their own, and apt-get does not wait for another one. */
async function withLock(work: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await mkdir(LOCK);
      break;
    } catch (error) {
      if (tries > 1_200) throw error;
      await delay(100);
    }
  }
  try {
    await work();
  } finally {
    await rm(LOCK, { recursive: true, force: true });
  }
}
