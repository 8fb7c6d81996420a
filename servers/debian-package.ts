import { execFile } from 'node:child_process';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

const MAX_WAIT_MS = 600_000;

/**
 * What apt-get and dpkg print while another process holds one of their four locks: of the package lists, the downloads,
 * the package database, and its front ends. `DPkg::Lock::Timeout` covers the last two only.
 */
const LOCKED = /Could not get lock|Unable to lock|Unable to acquire the dpkg|locked by another process/;

/** What apt-get prints after dpkg was killed, for example by a shutdown. */
const INTERRUPTED = /dpkg was interrupted/;

/**
 * Tests cannot run because a server or a program is missing. It has no stack trace, so that Vitest, which merges equal
 * errors, reports it once for all test files.
 */
class MissingProgram extends Error {
  constructor(message: string) {
    super(message);
    this.stack = `MissingProgram: ${message}`;
  }
}

/** Starts a server. If it is not installed, the error also names the variable that takes the URL of a running one. */
export async function startInstead<Server>(
  urlVariable: string,
  start: () => Promise<Server>,
): Promise<Server> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof MissingProgram)) throw error;
    throw new MissingProgram(`${error.message}\nOr set ${urlVariable} to a running server.`);
  }
}

/**
 * Returns the path of a file from a Debian package. Installs the package if the file is missing and this process runs
 * as root.
 *
 * @param find returns the file's path, or `undefined` if the file is missing
 * @throws {MissingProgram} with the command that installs the package
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
  if (process.getuid?.() !== 0) throw new MissingProgram(help);
  const earlierFailure = await readFailure(packageName);
  if (earlierFailure !== undefined) throw new MissingProgram(earlierFailure);
  try {
    await aptGet(['update', '-q'], find);
    await aptGet(['install', '-y', '-q', '--no-install-recommends', packageName], find);
  } catch (error) {
    const failure = `Cannot install ${packageName}: ${(error as Error).message.trim()}\n${help}`;
    await writeFailure(packageName, failure);
    throw new MissingProgram(failure);
  }
  const installed = await find();
  if (installed === undefined) throw new MissingProgram(help);
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

/**
 * Runs apt-get. Waits while another apt or dpkg on the machine holds a lock: automatic updates, or another test file.
 * Returns early if the wanted file is there by then.
 */
async function aptGet(parameters: readonly string[], find: () => Promise<string | undefined>): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const until = performance.now() + MAX_WAIT_MS;
  let isRepaired = false;
  for (let attempt = 1; (await find()) === undefined; attempt += 1) {
    try {
      await run('apt-get', parameters, { env });
      return;
    } catch (error) {
      const { message } = error as Error;
      if (INTERRUPTED.test(message) && !isRepaired) {
        isRepaired = true;
        await run('dpkg', ['--configure', '-a'], { env });
      } else {
        if (!LOCKED.test(message) || performance.now() > until) throw error;
        if (attempt === 1) console.warn(`apt-get ${parameters[0]} waits: ${reasonOf(message)}`);
        await delay(1_000);
      }
    }
  }
}

function reasonOf(message: string): string {
  return message.split('\n').find((line) => LOCKED.test(line)) ?? '';
}

/** The folder of a run of Vitest, which sets the variable. In it, test files tell each other what has failed. */
function failurePath(packageName: string): string | undefined {
  const folder = process.env.INVITE_TESTS_FOLDER;
  return folder && join(folder, packageName);
}

async function readFailure(packageName: string): Promise<string | undefined> {
  const path = failurePath(packageName);
  return path && readFile(path, 'utf8').catch(() => undefined);
}

async function writeFailure(packageName: string, failure: string): Promise<void> {
  const path = failurePath(packageName);
  if (!path) return;
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, failure);
}
