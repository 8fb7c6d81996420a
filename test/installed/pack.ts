// Packs the package as it is published, once per run, into a temporary folder that also holds the projects of the run.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

const root = fileURLToPath(new URL('../..', import.meta.url));

export default async function pack(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'express-matrix-invite-installed-'));
  const tearDown = () => rm(folder, { recursive: true, force: true });
  try {
    await promisify(execFile)('npm', ['pack', '--pack-destination', folder], { cwd: root });
    const [tarball] = await readdir(folder);
    project.provide('packed', { folder, tarball: join(folder, String(tarball)) });
    return tearDown;
  } catch (error) {
    await tearDown();
    throw error;
  }
}

declare module 'vitest' {
  interface ProvidedContext {
    /** The tarball, and the folder for projects that install it. */
    packed: { readonly folder: string; readonly tarball: string };
  }
}
