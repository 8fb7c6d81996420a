import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import manifest from '../../package.json' with { type: 'json' };
import { ROOT } from './pages.ts';

const FOLDER = `${ROOT}.github/`;

const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((path) =>
  /\.(?:yml|md)$/.test(path),
);
const read = (path: string) => readFileSync(FOLDER + path, 'utf8');

describe('the files in .github', () => {
  it('contain no URLs or email addresses, because it is not known where the repository is published', () => {
    expect(files.length).toBeGreaterThanOrEqual(6);
    const addresses = /https?:|[\w.]+@[\w-]+\.[a-z]{2,}/;
    expect(files.filter((path) => addresses.test(read(path)))).toEqual([]);
  });

  it('include a read-only workflow that runs every check and starts with the lowest supported Node', () => {
    const { permissions, jobs } = parse(read('workflows/ci.yml'));
    const { steps, strategy, 'timeout-minutes': timeout } = jobs.check;
    expect(permissions).toEqual({ contents: 'read' });
    expect(timeout).toBeTypeOf('number');
    expect(steps.at(-1).run).toBe('.ci/run');
    expect(`>=${strategy.matrix.node[0]}`).toBe(`${manifest.engines.node}.x`);
    const actions = steps.flatMap(({ uses }: { uses?: string }) => uses ?? []);
    expect(actions.filter((action: string) => !/^actions\/[\w-]+@v\d+$/.test(action))).toEqual([]);
  });

  it('configure grouped updates of npm packages and GitHub Actions', () => {
    const { version, updates } = parse(read('dependabot.yml'));
    expect(version).toBe(2);
    const ecosystems = updates.map((each: { 'package-ecosystem': string }) => each['package-ecosystem']);
    expect(ecosystems).toEqual(['npm', 'github-actions']);
    for (const { schedule, groups } of updates) {
      expect(schedule).toEqual({ interval: 'weekly' });
      expect(Object.keys(groups)).toHaveLength(1);
    }
  });

  it.each(['bug', 'feature'])('include a valid GitHub issue form for a %s', (name) => {
    const form = parse(read(`ISSUE_TEMPLATE/${name}.yml`));
    expect(Object.keys(form)).toEqual(['name', 'description', 'labels', 'body']);
    const fields = form.body.filter(({ type }: { type: string }) => type !== 'markdown');
    const ids = fields.map(({ id }: { id: string }) => id);
    expect(new Set(ids).size).toBe(fields.length);
    for (const { type, attributes } of fields) {
      expect(type).toBe('textarea');
      expect(attributes.label).toBeTypeOf('string');
    }
  });
});
