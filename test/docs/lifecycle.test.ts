import { existsSync, readdirSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { responses } from '../../src/openapi/responses.ts';
import { ROOT, readPage } from './pages.ts';
import { declarationsOf, nodesOf } from './source.ts';

const { text } = readPage('docs/lifecycle.md');

/** The rows of the table of steps: their cells, as they stand in the page. */
const steps = text
  .split('\n')
  .filter((line) => /^\| \d+\. /.test(line))
  .map((line) => line.split('|').slice(1, -1));

/** The functions of a host that a request calls, by the type of that name. */
const hostCalls = declarationsOf('src/ports/outcome.ts', 'HostCall').flatMap((declaration) =>
  [...nodesOf(declaration)].flatMap((node) => (ts.isStringLiteral(node) ? [node.text] : [])),
);

describe('the steps in docs/lifecycle.md', () => {
  it('are numbered in their order', () => {
    expect(steps.length).toBeGreaterThanOrEqual(12);
    expect(steps.map(([step = '']) => Number.parseInt(step, 10))).toEqual(steps.map((_, index) => index + 1));
  });

  it('name every error code of the description in exactly one row', () => {
    const described = new Set(Object.values(responses).flatMap((response) => response['x-errcodes'] ?? []));
    const named = steps.flatMap((cells) => [...new Set(cells.join().match(/\bM_[A-Z_]+\b/g) ?? [])]);
    expect([...named].sort()).toEqual([...described].sort());
  });

  it('name the statuses of the description, and no others', () => {
    const named = new Set(steps.flatMap((cells) => cells.join().match(/\b[2-5]\d\d\b/g) ?? []));
    // A preflight is not an operation of its own.
    named.delete('204');
    expect([...named].sort()).toEqual(Object.keys(responses).sort());
  });

  it('name every host function that a request calls', () => {
    const named = new Set(
      steps
        .map((cells) => cells[3] ?? '')
        .join()
        .match(/\w+/g),
    );
    // The dry run alone peeks.
    expect(hostCalls.filter((call) => call !== 'peek' && !named.has(call))).toEqual([]);
  });

  it('of src/invite stand in the order in which invite.ts takes them', () => {
    const source = readFileSync(`${ROOT}src/invite/invite.ts`, 'utf8');
    const loop = source.slice(source.indexOf('while (run.tries'));
    const calls = ['readState(', 'decide(', 'consumeOnce(', 'completeEvent(', 'append.append('];
    const places = calls.map((call) => loop.indexOf(call));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((one, other) => one - other));
  });
});

describe('the files that docs/lifecycle.md names', () => {
  const files = [...new Set(text.match(/\b(?:src|adapters)\/[\w/.-]+/g) ?? [])];

  it.each(files)('exist: %s', (path) => {
    expect(existsSync(ROOT + path)).toBe(true);
  });

  it('have the functions named beside them', () => {
    for (const [, name = '', path = ''] of text.matchAll(
      /`(\w+)`\s+(?:in|of `\w+` in|\()\s*`((?:src|adapters)\/[\w/.-]+)`/g,
    )) {
      expect(readFileSync(ROOT + path, 'utf8'), `${name} in ${path}`).toMatch(new RegExp(`\\b${name}\\b`));
    }
  });

  it('are all of src/invite and src/http', () => {
    const present = ['src/invite', 'src/http'].flatMap((folder) =>
      readdirSync(ROOT + folder).map((name) => `${folder}/${name}`),
    );
    expect(present.filter((path) => !files.includes(path))).toEqual([]);
  });
});
