import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { access, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { installedFile } from '../../servers/debian-package.ts';

const run = promisify(execFile);

const PACKAGE = 'invite-test-program';

/** Holds a lock as dpkg and apt do: a record lock of fcntl, which is another lock than that of the command flock. */
const HOLD_LOCK = `
use Fcntl;
sysopen(my $file, $ARGV[0], O_RDWR | O_CREAT) or die $!;
my $lock = pack('s s x4 q q l x4', F_WRLCK, 0, 0, 0, 0);
fcntl($file, F_SETLK, $lock) or die $!;
syswrite(STDOUT, "locked\\n");
<STDIN>;
`;

let root: string;
const find = () =>
  access(join(root, 'usr/bin', PACKAGE)).then(
    () => join(root, 'usr/bin', PACKAGE),
    () => undefined,
  );

/** The real apt-get and dpkg install a package from a folder into a folder, so they neither need nor change the machine. */
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'invite-apt-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  for (const folder of [
    'etc/apt/apt.conf.d',
    'var/lib/apt/lists/partial',
    'var/cache/apt/archives/partial',
    'var/lib/dpkg/updates',
    'var/lib/dpkg/info',
    'var/lib/dpkg/triggers',
    'var/log/apt',
    'repository',
    'package/DEBIAN',
    'package/usr/bin',
  ]) {
    await mkdir(join(root, folder), { recursive: true });
  }
  const control = `Package: ${PACKAGE}\nVersion: 1\nArchitecture: all\nMaintainer: Nobody\nDescription: A program\n`;
  await writeFile(join(root, 'package/DEBIAN/control'), control);
  await writeFile(join(root, 'package/usr/bin', PACKAGE), '');
  for (const folder of ['package', 'package/DEBIAN']) await chmod(join(root, folder), 0o755);
  const archive = join(root, 'repository/program.deb');
  await run('dpkg-deb', ['--build', join(root, 'package'), archive]);
  const bytes = await readFile(archive);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await writeFile(
    join(root, 'repository/Packages'),
    `${control}Filename: ./program.deb\nSize: ${bytes.length}\nSHA256: ${sha256}\n`,
  );
  await writeFile(join(root, 'etc/apt/sources.list'), `deb [trusted=yes] file:${root}/repository ./\n`);
  await writeFile(join(root, 'var/lib/dpkg/status'), '');
  await writeFile(
    join(root, 'apt.conf'),
    `Dir "${root}"; Dir::State::status "${root}/var/lib/dpkg/status"; APT::Sandbox::User "";`,
  );
  vi.stubEnv('APT_CONFIG', join(root, 'apt.conf'));
  vi.stubEnv('DPKG_ROOT', root);
  vi.stubEnv('DPKG_ADMINDIR', join(root, 'var/lib/dpkg'));
  vi.stubEnv('DPKG_FORCE', 'not-root,bad-path,unsafe-io');
  vi.stubEnv('INVITE_TESTS_FOLDER', join(root, 'run'));
  onTestFinished(() => void vi.unstubAllEnvs());
  const isRoot = vi.spyOn(process, 'getuid').mockReturnValue(0);
  onTestFinished(() => isRoot.mockRestore());
});

/** Locks a file as another package manager does. The returned function releases it. */
async function lock(path: string): Promise<() => Promise<void>> {
  const holder = spawn('perl', ['-e', HOLD_LOCK, join(root, path)], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void holder.kill());
  await once(holder.stdout, 'data');
  return async () => {
    const ended = once(holder, 'exit');
    holder.stdin.end();
    await ended;
  };
}

describe('a package that is missing', () => {
  it('is installed', async () => {
    expect(await installedFile(PACKAGE, find)).toBe(join(root, 'usr/bin', PACKAGE));
  });

  it.each([
    'var/lib/apt/lists/lock',
    'var/cache/apt/archives/lock',
    'var/lib/dpkg/lock-frontend',
    'var/lib/dpkg/lock',
  ])('is installed once another process releases %s', async (path) => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    onTestFinished(() => warn.mockRestore());
    const release = await lock(path);
    const installed = installedFile(PACKAGE, find);
    await vi.waitFor(() => expect(warn).toHaveBeenCalledOnce(), { timeout: 20_000 });
    expect(warn.mock.calls[0]?.[0]).toMatch(/^apt-get (?:update|install) waits: .*lock/i);
    expect(await find()).toBeUndefined();
    await release();
    expect(await installed).toBe(join(root, 'usr/bin', PACKAGE));
    expect(warn).toHaveBeenCalledOnce();
  });

  it('is not installed again if another test file has installed it meanwhile', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    onTestFinished(() => warn.mockRestore());
    await lock('var/lib/apt/lists/lock');
    const installed = installedFile(PACKAGE, find);
    await vi.waitFor(() => expect(warn).toHaveBeenCalledOnce(), { timeout: 20_000 });
    await mkdir(join(root, 'usr/bin'), { recursive: true });
    await writeFile(join(root, 'usr/bin', PACKAGE), '');
    expect(await installed).toBe(join(root, 'usr/bin', PACKAGE));
  });

  it('is installed after a dpkg that was interrupted', async () => {
    await writeFile(join(root, 'var/lib/dpkg/updates/0000'), '');
    await expect(run('apt-get', ['install', '-y', PACKAGE])).rejects.toThrow('dpkg was interrupted');
    expect(await installedFile(PACKAGE, find)).toBe(join(root, 'usr/bin', PACKAGE));
  });

  it('is named with the command that installs it, and asked for once', async () => {
    await writeFile(join(root, 'repository/Packages'), '');
    const error = await installedFile(PACKAGE, find).catch((cause: Error) => cause);
    expect(error).toMatchObject({
      message: expect.stringMatching(
        /^Cannot install invite-test-program: .*Unable to locate package invite-test-program\ninvite-test-program is not installed\. Install it: sudo apt-get update && sudo apt-get install -y invite-test-program$/s,
      ),
    });
    // Another test file fails at once, with the same error.
    vi.stubEnv('PATH', '');
    expect(await installedFile(PACKAGE, find).catch((cause: Error) => cause)).toEqual(error);
    // Vitest merges errors whose stacks are equal.
    expect((error as Error).stack).toBe(`MissingProgram: ${(error as Error).message}`);
  });

  it('is named at once for a user who cannot install it', async () => {
    vi.mocked(process.getuid)?.mockReturnValue(1_000);
    vi.stubEnv('PATH', '');
    await expect(installedFile(PACKAGE, find)).rejects.toThrow(
      /^invite-test-program is not installed\. Install it: sudo apt-get update && sudo apt-get install -y invite-test-program$/,
    );
  });
});
