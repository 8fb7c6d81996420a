import { execFile } from 'node:child_process';
import { access, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

const LOCK_DIRECTORY = join(tmpdir(), 'invite-tests-apt-lock');
const MAX_WAIT_SECONDS = 600;

/** `apt-get update` holds its own lock, which `DPkg::Lock::Timeout` does not cover. */
const LOCKED = /Could not get lock/;

/**
 * Returns the path of a file from a Debian package. Installs the package if the file is missing and this process runs
 * as root.
 *
 * @param find returns the file's path, or `undefined` if the file is missing
 * @throws {Error} with the command that installs the package
 */
export async function installedFile(
  packageName: string,
  find: () => Promise<string | undefined>,
): Promise<string> {
  const found = await find();
  if (found !== undefined) return found;
  const help =
    `${packageName} is not installed. ` +
    `Install it: sudo apt-get update && sudo apt-get install -y ${packageName}`;
  if (process.getuid?.() !== 0) throw new Error(help);
  try {
    await withLock(async () => {
      // Another test file may have installed it in the meantime.
      if ((await find()) !== undefined) return;
      await aptGet('update', '-q');
      await aptGet('install', '-y', '-q', '--no-install-recommends', packageName);
    });
  } catch (cause) {
    throw new Error(`Cannot install ${packageName}: ${(cause as Error).message}\n${help}`, { cause });
  }
  const installed = await find();
  if (installed === undefined) throw new Error(help);
  return installed;
}

/**
 * Returns the path of a command on the PATH or in the folders where Debian installs servers. Installs its package as
 * `installedFile` does.
 */
export function installedCommand(command: string, packageName: string = command): Promise<string> {
  return installedFile(packageName, async () => {
    for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin']) {
      const path = join(folder, command);
      const exists = await access(path).then(
        () => true,
        () => false,
      );
      if (exists) return path;
    }
    return undefined;
  });
}

/** Runs apt-get, and waits while another apt or dpkg on the machine holds one of its locks. */
async function aptGet(...parameters: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const until = performance.now() + MAX_WAIT_SECONDS * 1_000;
  for (;;) {
    try {
      await run('apt-get', ['-o', `DPkg::Lock::Timeout=${MAX_WAIT_SECONDS}`, ...parameters], { env });
      return;
    } catch (error) {
      if (!LOCKED.test((error as Error).message) || performance.now() > until) throw error;
      await delay(1_000);
    }
  }
}

/** Test files run in separate processes: only one of them installs at a time. */
async function withLock(work: () => Promise<void>): Promise<void> {
  const until = performance.now() + MAX_WAIT_SECONDS * 1_000;
  for (;;) {
    try {
      await mkdir(LOCK_DIRECTORY);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (performance.now() > until) throw new Error(`remove ${LOCK_DIRECTORY} if no test is installing`);
      await delay(100);
    }
  }
  try {
    await work();
  } finally {
    await rm(LOCK_DIRECTORY, { recursive: true, force: true });
  }
}
