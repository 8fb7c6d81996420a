import { rmSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A temporary folder, which goes with this process at the latest. */
export async function newFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'invite-cluster-'));
  // Where PostgreSQL runs as another user, that one must get through to the folder within.
  await chmod(path, 0o711);
  const removeNow = () => rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', removeNow);
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true });
      process.off('exit', removeNow);
    },
  };
}
