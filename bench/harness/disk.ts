import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Returns the type of the file system that contains a folder, such as `ext4`. */
export async function fileSystemOf(folder: string): Promise<string> {
  const { stdout } = await run('stat', ['--file-system', '--format', '%T', folder]);
  return stdout.trim().replace('ext2/ext3', 'ext4');
}

/** @throws {Error} if the folder is in memory, where fsync does not write to a disk */
export async function checkDisk(folder: string): Promise<void> {
  const type = await fileSystemOf(folder);
  if (type === 'tmpfs') throw new Error(`${folder} is in memory: set TMPDIR to a folder on a disk`);
}
