import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { installedCommand } from '../../servers/debian-package.ts';
import { read, replaced } from './files.ts';
import { newFolder } from './program.ts';

const run = promisify(execFile);

/** Writes the unit with a Node that exists on this machine, and returns its path. */
async function unit(): Promise<string> {
  const folder = await newFolder();
  onTestFinished(() => folder.close());
  const path = join(folder.path, 'matrix-invite.service');
  await writeFile(path, replaced(read('matrix-invite.service'), { '/usr/bin/node': process.execPath }));
  return path;
}

describe('the systemd unit', () => {
  it('passes systemd-analyze verify without a warning', async () => {
    const analyze = await installedCommand('systemd-analyze', 'systemd');
    const { stdout, stderr } = await run(analyze, ['verify', '--man=no', await unit()]);
    expect(stdout + stderr).toBe('');
  });

  it('leaves the process few rights', async () => {
    const analyze = await installedCommand('systemd-analyze', 'systemd');
    // Fails if the exposure is above 2.0 of 10.
    const { stdout } = await run(analyze, ['security', '--offline=true', '--threshold=20', await unit()]);
    expect(stdout).toContain('Overall exposure level for matrix-invite.service');
  });

  it('waits longer than a shutdown takes', () => {
    const [, seconds] = /^TimeoutStopSec=(\d+)$/m.exec(read('matrix-invite.service')) ?? [];
    // DRAIN_MS, deadlineMs and a second.
    expect(Number(seconds)).toBeGreaterThan(5 + 5 + 1);
  });
});
