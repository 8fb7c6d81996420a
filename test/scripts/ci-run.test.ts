import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a command, and returns what it printed and its exit code. */
async function run(command: string, args: readonly string[], cwd: string, path = '') {
  const env = { ...process.env, PATH: `${path}:${process.env.PATH}` };
  return promisify(execFile)(command, args, { cwd, env }).then(
    ({ stdout }) => ({ stdout, code: 0 }),
    ({ stdout, code }: { stdout: string; code: number }) => ({ stdout, code }),
  );
}

/** Creates a package with tests that pass, fail and are skipped, and a test file that cannot be loaded. */
async function newPackage(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'express-matrix-invite-ci-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'vitest.config.mjs'), 'export default {};');
  await writeFile(
    join(folder, 'some.test.mjs'),
    `import { describe, expect, it } from 'vitest';
describe('a group', () => {
  it('passes', () => {});
  it('fails\\nin two lines', () => expect(1).toBe(2));
  it.skip('is skipped', () => {});
});`,
  );
  await writeFile(join(folder, 'broken.test.mjs'), "throw new Error('broken');");
  return folder;
}

it('names what failed, before its last line', async () => {
  const folder = await newPackage();
  const reporters = ['--reporter=json', '--outputFile.json=report.json'];
  const { code } = await run(join(ROOT, 'node_modules/.bin/vitest'), ['run', ...reporters], folder);
  expect(code).toBe(1);
  // `.ci/run` itself, with an npm whose `test` has this report, and whose `lint` fails.
  await cp(join(ROOT, '.ci'), join(folder, '.ci'), { recursive: true });
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(
    join(bin, 'npm'),
    `#!/bin/sh
for each; do case $each in --outputFile.json=*) [ "$2" = test ] && cp report.json "\${each#*=}" ;; esac; done
case $2 in test | lint) exit 1 ;; esac`,
  );
  await writeFile(join(bin, 'python3'), '#!/bin/sh\nexit 1');
  for (const name of ['npm', 'python3']) await chmod(join(bin, name), 0o755);

  const result = await run(join(folder, '.ci/run'), [], folder, bin);
  expect(result.code).toBe(1);
  expect(result.stdout.trimEnd().split('\n').slice(-9)).toEqual([
    'FAILED: test: broken.test.mjs',
    'FAILED: test: some.test.mjs: a group fails in two lines',
    'FAILED: test:browser: no complete report',
    'FAILED: test:installed: no complete report',
    'FAILED: test:operations: no complete report',
    'FAILED: lint',
    'test:interop was NOT RUN: nothing was tested with a real identity server or homeserver',
    '1 skipped',
    '6 passed, 6 failed',
  ]);
});
