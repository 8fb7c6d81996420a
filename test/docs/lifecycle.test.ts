import { existsSync, readdirSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { responses } from '../../src/openapi/responses.ts';
import { ROOT, readPage } from './pages.ts';
import { declarationsOf, nodesOf } from './source.ts';

const { text } = readPage('docs/lifecycle.md');

/** The cells of each row in the table of steps. */
const steps = text
  .split('\n')
  .filter((line) => /^\| \d+\. /.test(line))
  .map((line) => line.split('|').slice(1, -1));

/** The host functions that a request calls, from the type `HostCall`. */
const hostCalls = declarationsOf('src/ports/outcome.ts', 'HostCall').flatMap((declaration) =>
  [...nodesOf(declaration)].flatMap((node) => (ts.isStringLiteral(node) ? [node.text] : [])),
);

describe('the steps in docs/lifecycle.md', () => {
  it('are numbered in order', () => {
    expect(steps.length).toBeGreaterThanOrEqual(12);
    expect(steps.map(([step = '']) => Number.parseInt(step, 10))).toEqual(steps.map((_, index) => index + 1));
  });

  it('name every error code of the OpenAPI description in exactly one row', () => {
    const described = new Set(Object.values(responses).flatMap((response) => response['x-errcodes'] ?? []));
    const named = steps.flatMap((cells) => [...new Set(cells.join().match(/\bM_[A-Z_]+\b/g) ?? [])]);
    expect([...named].sort()).toEqual([...described].sort());
  });

  it('name exactly the statuses of the OpenAPI description', () => {
    const named = new Set(steps.flatMap((cells) => cells.join().match(/\b[2-5]\d\d\b/g) ?? []));
    // The description has no operation for preflight requests.
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
    // Only the dry run peeks.
    expect(hostCalls.filter((call) => call !== 'peek' && !named.has(call))).toEqual([]);
  });

  it('in src/invite are in the order in which invite.ts runs them', () => {
    const source = readFileSync(`${ROOT}src/invite/invite.ts`, 'utf8');
    const order = {
      'while (run.tries': ['readState(', 'inviteOn('],
      'function inviteOn': ['decide(', 'eventToAppend(', 'append.append('],
      'function eventToAppend': ['consumeOnce(', 'completeEvent('],
    };
    for (const [start, calls] of Object.entries(order)) {
      const text = source.slice(source.indexOf(start));
      const positions = calls.map((call) => text.indexOf(call));
      expect(positions).not.toContain(-1);
      expect(positions).toEqual([...positions].sort((one, other) => one - other));
    }
  });
});

describe('the files that docs/lifecycle.md names', () => {
  const files = [...new Set(text.match(/\b(?:src|adapters)\/[\w/.-]+/g) ?? [])];

  it.each(files)('exist: %s', (path) => {
    expect(existsSync(ROOT + path)).toBe(true);
  });

  it('contain the functions named next to them', () => {
    for (const [, name = '', path = ''] of text.matchAll(
      /`(\w+)`\s+(?:in|of `\w+` in|\()\s*`((?:src|adapters)\/[\w/.-]+)`/g,
    )) {
      expect(readFileSync(ROOT + path, 'utf8'), `${name} in ${path}`).toMatch(new RegExp(`\\b${name}\\b`));
    }
  });

  it('include every file in src/invite and src/http', () => {
    const present = ['src/invite', 'src/http'].flatMap((folder) =>
      readdirSync(ROOT + folder).map((name) => `${folder}/${name}`),
    );
    expect(present.filter((path) => !files.includes(path))).toEqual([]);
  });
});
