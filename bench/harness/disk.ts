import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The kind of file system under a folder, as in `ext4`. */
export async function fileSystemOf(folder: string): Promise<string> {
  const { stdout } = await run('stat', ['--file-system', '--format', '%T', folder]);
  return stdout.trim().replace('ext2/ext3', 'ext4');
}

/** @throws {Error} where an fsync would reach no disk */
export async function checkDisk(folder: string): Promise<void> {
  const kind = await fileSystemOf(folder);
  if (kind === 'tmpfs') throw new Error(`${folder} is in memory: set TMPDIR to a folder on a disk`);
}
