import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { codeBlocksOf, readPage, sectionsOf, tableRowsOf } from '../docs/pages.ts';

const program = fileURLToPath(new URL('loggers-program.ts', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

async function printedBy(logger: string, how: 'as-is' | 'wrapped'): Promise<string> {
  const parameters = ['--import', 'tsx', program, logger, how];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, parameters, { cwd: root });
  const all = `${stdout}${stderr}`;
  expect(all).not.toMatch(/secret-(token|reason)/);
  return all;
}

/** A sample of each part of the line. */
const PARTS = {
  message: /Responded 500 to an invite/,
  ids: /@alice:example\.org/,
  error: /Error: boom/,
  stack: /at .*loggers-program\.ts/,
  cause: /Error: inner/,
};
const partsOf = (text: string) =>
  Object.entries(PARTS).flatMap(([part, sample]) => (sample.test(text) ? [part] : []));
const ALL = Object.keys(PARTS);

/** The parts that each description in docs/observability.md stands for. */
const DESCRIBED: Readonly<Record<string, readonly string[]>> = {
  everything: ALL,
  "everything but the error's message and stack": ['message', 'ids'],
  'no message, and nothing of the error': ['ids'],
  'a TypeError at startup: it has no info': [],
};

const page = readPage('docs/observability.md');
const section = sectionsOf(page).find(({ title }) => title === 'Loggers');
const rows = tableRowsOf(section?.text ?? '');

/** The program's name of a logger, the package that it comes from, and the start of its row. */
const LOGGERS = [
  ['pino', 'pino', '[pino]'],
  ['fastify', 'fastify', 'log of a Fastify instance'],
  ['console', undefined, "Node's console"],
  ['loglevel', 'loglevel', '[loglevel]'],
  ['log4js', 'log4js', '[log4js]'],
  ['consola', 'consola', '[consola]'],
  ['tslog', 'tslog', "[tslog](https://www.npmjs.com/package/tslog), type: 'pretty'"],
  ['tslog json', 'tslog', "[tslog](https://www.npmjs.com/package/tslog), type: 'json'"],
  ['winston', 'winston', '[winston]'],
  ['nest', '@nestjs/common', 'Logger of @nestjs/common'],
] as const;

describe.each(LOGGERS)('the logger %s', (name, driver, start) => {
  const row = rows.find(([logger = '']) => logger.startsWith(start));

  it('is in the table in the installed version', () => {
    const version = driver === undefined ? manifest.engines.node : manifest.devDependencies[driver];
    expect(row?.[1]).toBe(/\d+/.exec(version)?.[0]);
  });

  it('prints what the table says', async () => {
    const text = await printedBy(name, 'as-is');
    expect({ text, parts: name === 'nest' ? [] : partsOf(text) }).toEqual({
      text,
      parts: DESCRIBED[row?.[2] ?? ''],
    });
    expect(text.includes('TypeError')).toBe(name === 'nest');
    expect(text).not.toContain('\u001b[2J');
  });

  it('prints everything on one line with the wrapper', async () => {
    const lines = (await printedBy(name, 'wrapped')).split('\n');
    expect(lines.filter((line) => partsOf(line).length === ALL.length)).toHaveLength(1);
    expect(lines.join('\n')).not.toContain('\u001b[2J');
  });
});

it('the table has no other loggers', () => {
  expect(rows).toHaveLength(LOGGERS.length);
});

it('the wrapper in the docs is the tested one', () => {
  const wrapper = /^function messageFirst.*?^}$/ms.exec(readFileSync(program, 'utf8'))?.[0];
  expect(wrapper).toBeDefined();
  expect(codeBlocksOf(page).filter(({ text }) => text.includes(wrapper ?? '?'))).toHaveLength(1);
});
