// `npm run release:dry-run` does everything that a release does, except publishing. It exits with 1 if a release must wait.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { changelogProblems } from './changelog.ts';

type Manifest = { readonly name: string; readonly version: string } & Readonly<Record<string, unknown>>;

type Packed = {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
};

function outputOf(command: string, ...parameters: string[]): string {
  return execFileSync(command, parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function gitProblems(): string[] {
  const changed = outputOf('git', 'status', '--porcelain').trimEnd();
  return changed === '' ? [] : [`uncommitted changes:\n${changed}`];
}

/** npm shows these on the package's page, and a published version cannot be changed. */
const LINKS = ['repository', 'bugs', 'homepage'];

function manifestProblems(manifest: Manifest): string[] {
  const missing = LINKS.filter((field) => !manifest[field]).map((field) => `"${field}"`);
  return missing.length === 0 ? [] : [`package.json has no ${missing.join(', ')}`];
}

function checkPasses(): boolean {
  try {
    execFileSync('npm', ['run', 'check'], { stdio: ['ignore', 'inherit', 'inherit'] });
    return true;
  } catch {
    return false;
  }
}

const manifest: Manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const { name, version } = manifest;
const problems = [
  ...gitProblems(),
  ...manifestProblems(manifest),
  ...changelogProblems(readFileSync('CHANGELOG.md', 'utf8'), version),
];
if (!checkPasses()) problems.push('npm run check fails');
const printed = outputOf('npm', 'pack', '--dry-run', '--json');
// The build prints its own lines before the list.
const packed: Packed[] = JSON.parse(printed.slice(printed.lastIndexOf('\n[\n') + 1));
for (const { filename, size, unpackedSize, files } of packed) {
  console.log(files.map(({ path }) => `  ${path}`).join('\n'));
  console.log(`${filename}: ${files.length} files, ${size} bytes, ${unpackedSize} unpacked`);
}
for (const problem of problems) console.error(`Not ready: ${problem}`);
if (problems.length === 0) {
  console.log(`Ready: ${name} ${version}. Nothing was published; npm publish would publish the above.`);
}
process.exitCode = problems.length === 0 ? 0 : 1;
