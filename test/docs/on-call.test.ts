import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { anchorOf, ROOT, readPage, sectionsUnder } from './pages.ts';

type Rule = {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};

const rules: readonly Rule[] = parse(
  readFileSync(`${ROOT}examples/operations/alerts.yml`, 'utf8'),
).groups.flatMap((group: { rules: readonly Rule[] }) => group.rules);

describe('docs/on-call.md', () => {
  it('has a section for each alert in alerts.yml, in the same order', () => {
    const sections = sectionsUnder(readPage('docs/on-call.md'), 'Alerts');
    expect(sections.map(({ title }) => title)).toEqual(rules.map(({ alert }) => alert));
    expect(sections.filter(({ text }) => text.trim().length < 100)).toEqual([]);
  });

  it('is linked from each alert, which also has a severity and a summary', () => {
    for (const { alert, labels, annotations } of rules) {
      expect(annotations).toEqual({
        summary: expect.stringMatching(/./),
        runbook: `docs/on-call.md#${anchorOf(alert)}`,
      });
      expect(['page', 'ticket']).toContain(labels.severity);
    }
  });
});
