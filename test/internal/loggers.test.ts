import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readPage, sectionsOf, tableRowsOf } from '../docs/pages.ts';

const program = fileURLToPath(new URL('loggers-program.ts', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

async function printedBy(logger: string, how: 'as-is' | 'wrapped'): Promise<string> {
  const parameters = ['--import', 'tsx', program, logger, how];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, parameters, { cwd: root });
  const all = `${stdout}${stderr}`;
  expect(all).not.toMatch(/secret-(token|reason)/);
  return all;
}

const HAS = { message: 'Responded 500 to an invite', ids: '@alice:example.org', stack: 'at ' };
const partsOf = (text: string) =>
  Object.entries(HAS).flatMap(([part, sample]) => (text.includes(sample) ? [part] : []));
const ALL = Object.keys(HAS);

/** What each logger prints of a line when it is passed as the option. `undefined`: a TypeError. */
const AS_IS: Readonly<Record<string, readonly string[] | undefined>> = {
  pino: ALL,
  fastify: ALL,
  console: ALL,
  loglevel: ALL,
  log4js: ALL,
  consola: ALL,
  tslog: ALL,
  'tslog json': ['message', 'ids'],
  winston: ['ids'],
  nest: undefined,
};

describe.each(Object.entries(AS_IS))('the logger %s', (name, expected) => {
  it('prints what docs/observability.md says', async () => {
    const text = await printedBy(name, 'as-is');
    if (expected === undefined) expect(text).toContain('option "logger" must be a logger');
    else expect({ text, parts: partsOf(text) }).toEqual({ text, parts: expected });
    expect(text).not.toContain('\u001b[2J');
  });

  it('prints everything on one line with the wrapper', async () => {
    const lines = (await printedBy(name, 'wrapped')).split('\n');
    expect(lines.filter((line) => partsOf(line).length === ALL.length)).toHaveLength(1);
    expect(lines.join('\n')).not.toContain('\u001b[2J');
  });
});

it('each logger has a row in docs/observability.md', () => {
  const section = sectionsOf(readPage('docs/observability.md')).find(({ title }) => title === 'Loggers');
  const rows = tableRowsOf(section?.text ?? '').map(([names = '']) => names);
  for (const name of Object.keys(AS_IS)) expect(rows.join().toLowerCase()).toContain(name);
});
