import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { type BlockFile, type BlockFolder, type Runner, writeBlocks } from './blocks.ts';
import { CURL } from './invite.ts';
import { codeBlocksOf, pages, proseOf, ROOT, readPage } from './pages.ts';

type ProcessResult = { readonly code: number | string | null; readonly output: string };

/** Runs Node with these arguments. Returns its exit code and everything that it printed. */
function run(args: readonly string[], env: Record<string, string> = {}): Promise<ProcessResult> {
  const options = { cwd: ROOT, env: { ...process.env, ...env }, maxBuffer: 1 << 26 };
  return new Promise((resolve) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? null), output: `${stdout}${stderr}` });
    });
  });
}

const bin = (path: string) => `${ROOT}node_modules/${path}`;

let folder: BlockFolder;

beforeAll(async () => {
  folder = await writeBlocks();
});
afterAll(async () => {
  await folder.remove();
});

function filesFor(runner: Runner): readonly BlockFile[] {
  const files = folder.files.filter((file) => file.runner === runner);
  expect(files).not.toEqual([]);
  return files;
}

const placeOf = ({ page, line }: BlockFile) => `${page}:${line}`;

describe('TypeScript code blocks in the README and docs', { concurrent: true, timeout: 240_000 }, () => {
  it('pass the type check', async () => {
    const { code, output } = await run([bin('typescript/bin/tsc'), '-p', folder.path]);
    expect(output).toBe('');
    expect(code).toBe(0);
  });

  it('run, print what their comments say, and serve the endpoint if they listen', async () => {
    const files = filesFor('plain');
    const runner = fileURLToPath(new URL('run-blocks.ts', import.meta.url));
    const { code, output } = await run(['--import', 'tsx', runner, ...files.map(({ path }) => path)], {
      TSX_TSCONFIG_PATH: `${folder.path}/tsconfig.json`,
    });
    expect(code, output).toBe(0);
    const results = output.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
    expect(
      results.map(({ failure, printed, responses }, index) => [index, failure, printed, responses]),
    ).toEqual(
      files.map(({ text }, index) => [index, undefined, expectedOutputOf(text), expectedResponsesOf(text)]),
    );
    expect(files.map(placeOf)).toHaveLength(results.length);
  });

  it('pass as node:test tests', async () => {
    for (const { path } of filesFor('node:test')) {
      const { code, output } = await run(['--import', 'tsx', '--test', '--test-reporter=tap', path], {
        TSX_TSCONFIG_PATH: `${folder.path}/tsconfig.json`,
      });
      expect(code, output).toBe(0);
      expect(Number(/^# pass (\d+)$/m.exec(output)?.[1])).toBeGreaterThan(20);
    }
  });

  it('pass as Vitest tests', async () => {
    filesFor('vitest');
    const { code, output } = await run([bin('vitest/vitest.mjs'), 'run', '--root', folder.path, '.spec.ts']);
    expect(code, output).toBe(0);
  });
});

/** Each `console.log` prints exactly what the `// prints …` comment after it says. */
function expectedOutputOf(text: string): string[] {
  return [...text.matchAll(/console\.log\(.*\);(?: \/\/ prints (.*))?$/gm)].map(
    (match) => match[1] ?? 'undocumented',
  );
}

/** A block that listens rejects an invite without an access token, and accepts one from Alice. */
function expectedResponsesOf(text: string): string[] {
  const refused = '401 {"errcode":"M_MISSING_TOKEN","error":"An access token is required"}';
  return [...text.matchAll(/\.listen\(/g)].flatMap(() => [refused, '200 {}']);
}

describe('code blocks in the README and docs', () => {
  const blocks = pages.flatMap(codeBlocksOf).filter(({ language }) => language !== 'ts');

  it('that are not in TypeScript are in Bash, JavaScript, JSON, SQL, or the Python of a Synapse module', () => {
    expect([...new Set(blocks.map(({ language }) => language))].sort()).toEqual([
      'bash',
      'js',
      'json',
      'python',
      'sql',
    ]);
  });

  it('in JavaScript can be parsed', () => {
    for (const { text } of blocks.filter(({ language }) => language === 'js')) {
      expect(new Script(text)).toBeInstanceOf(Script);
    }
  });

  it('in Python define only functions that a table of the page lists', () => {
    const python = blocks.filter(({ language }) => language === 'python');
    const names = python.flatMap(({ page, text }) =>
      [...text.matchAll(/async def (\w+)/g)].map(([, name]) => ({ page, name })),
    );
    expect(names.map(({ name }) => name)).toEqual(['user_may_invite', 'check_event_allowed']);
    for (const { page, name } of names) expect(proseOf(readPage(page))).toContain(`\n| \`${name}\``);
  });

  it('in JSON are valid', () => {
    for (const { text } of blocks.filter(({ language }) => language === 'json')) {
      expect(JSON.parse(text)).toBeTypeOf('object');
    }
  });

  it('in Bash run only existing npm scripts, install only known packages, and send the invite of these tests', () => {
    const commands = blocks
      .filter(({ language }) => language === 'bash')
      .flatMap(({ text }) => text.trim().split(/\n| && /));
    const mount = `npm install express ${manifest.name}`;
    expect(commands).toEqual(expect.arrayContaining(['npm install', 'npm start', 'npm test', mount, CURL]));
    const known = [
      manifest.name,
      ...Object.keys({ ...manifest.peerDependencies, ...manifest.devDependencies }),
    ];
    for (const command of commands.filter((each) => each !== CURL)) {
      const installed = /^npm install (?:--save-dev )?(.+)$/
        .exec(command)?.[1]
        ?.split(' ')
        .map((each) => each.replace(/(?<=.)@\^?[\d.]+$/, ''));
      if (installed !== undefined) expect(known).toEqual(expect.arrayContaining(installed));
      else
        expect(['install', ...Object.keys(manifest.scripts)]).toContain(
          /^npm (?:run )?(\S+)$/.exec(command)?.[1],
        );
    }
  });
});
