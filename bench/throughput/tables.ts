import type { Sample } from '../harness/measure.ts';
import { spreadOf } from '../harness/statistics.ts';
import { millis, rate, ratio, table, whole } from '../report/markdown.ts';
import type { Results } from './results.ts';
import { COMMIT_RATES, ROWS } from './rows.ts';

/** The big table: a line for each row. */
export function rowTable(results: Results): string {
  const lines = ROWS.flatMap(({ id, label }) => {
    const [rates, toBase] = [results.spread(id, 'rate'), results.ratio(id)];
    if (rates === undefined || toBase === undefined) return [];
    const median = (number: keyof Sample) => results.spread(id, number)?.median ?? 0;
    return [
      [
        label,
        rate(rates),
        ratio(toBase),
        whole(median('nodeCpu')),
        whole(median('storeCpu')),
        ...(['p50', 'p99', 'p999'] as const).map((number) => millis(median(number))),
      ],
    ];
  });
  const head = [
    '',
    'requests a second',
    'to Express 5',
    'Node, µs of CPU',
    'stores, µs of CPU',
    'p50, ms',
    'p99, ms',
    'p99.9, ms',
  ];
  return table(head, lines);
}

/** What the machine commits by itself, and what part of it each row reaches. */
export function commitTable(results: Results): string {
  const rates = COMMIT_RATES.flatMap(({ id, label }) => {
    const values = results.commits.get(id);
    return values === undefined ? [] : [[label, rate(spreadOf(values))]];
  });
  const shares = ROWS.flatMap(({ id, label, commits }) => {
    const share = commits && results.share(id, commits);
    return share === undefined ? [] : [[label, ratio(share)]];
  });
  return `${table(['', 'commits a second'], rates)}\n\n${table(['', 'invites to commits'], shares)}`;
}
