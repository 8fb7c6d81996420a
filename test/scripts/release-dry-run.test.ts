import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const script = fileURLToPath(new URL('../../scripts/release-dry-run.ts', import.meta.url));

let folder: string | undefined;
afterEach(async () => {
  if (folder !== undefined) await rm(folder, { recursive: true });
  folder = undefined;
});

const LINKS = {
  repository: { type: 'git', url: 'git+https://code.example/a-package.git' },
  bugs: 'https://code.example/a-package/issues',
  homepage: 'https://a-package.example',
};

type Parts = { readonly changelog?: string; readonly check?: string; readonly links?: Partial<typeof LINKS> };

/** Creates a package in a git repository and commits all of it. */
async function packageWith({
  changelog = '## 1.2.3 - 2026-01-31',
  check = 'node --version',
  links = LINKS,
}: Parts = {}): Promise<string> {
  folder = await mkdtemp(join(tmpdir(), 'express-matrix-invite-release-'));
  const scripts = { check, prepack: 'node --eval "console.log(1)"' };
  const manifest = { name: 'a-package', version: '1.2.3', files: ['dist.js'], scripts, ...links };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'CHANGELOG.md'), `# Changelog\n\n${changelog}\n`);
  await writeFile(join(folder, 'dist.js'), '');
  await run('git', ['init', '--quiet'], { cwd: folder });
  await run('git', ['add', '--all'], { cwd: folder });
  const author = ['-c', 'user.name=a', '-c', 'user.email=a@example.org'];
  await run('git', [...author, 'commit', '--quiet', '--message', 'a'], { cwd: folder });
  return folder;
}

async function dryRun(cwd: string): Promise<{ code: unknown; output: string }> {
  const parameters = ['--import', import.meta.resolve('tsx'), script];
  const { code, stdout, stderr } = await run(process.execPath, parameters, { cwd }).then(
    (ended) => ({ code: 0, ...ended }),
    (error) => error,
  );
  return { code, output: `${stdout}${stderr}` };
}

describe('the release dry run', () => {
  it('prints what would be published', async () => {
    const { code, output } = await dryRun(await packageWith());
    expect(output).toMatch(/^ {2}dist\.js$/m);
    expect(output).toContain('a-package-1.2.3.tgz: 2 files');
    expect(output).toContain('Ready: a-package 1.2.3');
    expect(code).toBe(0);
  });

  it('refuses uncommitted changes', async () => {
    const cwd = await packageWith();
    await writeFile(join(cwd, 'left-over.txt'), '');
    const { code, output } = await dryRun(cwd);
    expect(output).toContain('Not ready: uncommitted changes:\n?? left-over.txt');
    expect(code).toBe(1);
  });

  it.each([
    ['of another version', '## 1.2.2 - 2026-01-31', 'the newest in CHANGELOG.md is 1.2.2'],
    ['without a date', '## 1.2.3 - Unreleased', 'CHANGELOG.md gives "Unreleased" as the date of 1.2.3'],
    ['without releases', '## Soon', 'CHANGELOG.md has no heading'],
  ])('refuses a changelog %s', async (_case, changelog, problem) => {
    const { code, output } = await dryRun(await packageWith({ changelog }));
    expect(output).toContain(problem);
    expect(code).toBe(1);
  });

  it.each([
    ['no links', {}, '"repository", "bugs", "homepage"'],
    ['no homepage', { ...LINKS, homepage: '' }, '"homepage"'],
  ])('refuses a package.json with %s', async (_case, links, missing) => {
    const { code, output } = await dryRun(await packageWith({ links }));
    expect(output).toContain(`Not ready: package.json has no ${missing}\n`);
    expect(code).toBe(1);
  });

  it('refuses a package that fails its checks', async () => {
    const { code, output } = await dryRun(await packageWith({ check: 'node --eval "process.exit(3)"' }));
    expect(output).toContain('Not ready: npm run check fails');
    expect(code).toBe(1);
  });
});
