// Everything that a release does but publishing: `npm run release:dry-run`. Exits 1 where something stands against it.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { problemsOf } from './changelog.ts';

type Packed = {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
};

function outputOf(command: string, ...parameters: string[]): string {
  return execFileSync(command, parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function problems(version: string): string[] {
  const changed = outputOf('git', 'status', '--porcelain').trimEnd();
  return [
    ...(changed === '' ? [] : [`The tree is not clean:\n${changed}`]),
    ...problemsOf(readFileSync('CHANGELOG.md', 'utf8'), version),
  ];
}

function checkPasses(): boolean {
  try {
    execFileSync('npm', ['run', 'check'], { stdio: ['ignore', 'inherit', 'inherit'] });
    return true;
  } catch {
    return false;
  }
}

const { name, version }: { name: string; version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
const found = problems(version);
if (!checkPasses()) found.push('npm run check fails');
const printed = outputOf('npm', 'pack', '--dry-run', '--json');
// What the build prints comes before the list.
const packed: Packed[] = JSON.parse(printed.slice(printed.lastIndexOf('\n[\n') + 1));
for (const { filename, size, unpackedSize, files } of packed) {
  console.log(files.map(({ path }) => `  ${path}`).join('\n'));
  console.log(`${filename}: ${files.length} files, ${size} bytes, ${unpackedSize} unpacked`);
}
for (const problem of found) console.error(`Not ready: ${problem}`);
if (found.length === 0)
  console.log(`Ready: ${name} ${version}. Nothing was published; npm publish would publish the above.`);
process.exitCode = found.length === 0 ? 0 : 1;
