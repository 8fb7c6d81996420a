import type { Sample } from '../harness/measure.ts';
import { spreadOf } from '../harness/statistics.ts';
import { millis, rate, ratio, table, whole } from '../report/markdown.ts';
import type { Results } from './results.ts';
import { COMMIT_RATES, ROWS } from './rows.ts';

/** Returns the main table. */
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
    'requests per second',
    'vs. Express 5',
    'Node, µs of CPU',
    'stores, µs of CPU',
    'p50, ms',
    'p99, ms',
    'p99.9, ms',
  ];
  return table(head, lines);
}

/** Returns a table of the machine's commit rates and one of each row's invites per commit. */
export function commitTable(results: Results): string {
  const rates = COMMIT_RATES.flatMap(({ id, label }) => {
    const values = results.commits.get(id);
    return values === undefined ? [] : [[label, rate(spreadOf(values))]];
  });
  const ratios = ROWS.flatMap(({ id, label, commitRate }) => {
    const perCommit = commitRate && results.perCommit(id, commitRate);
    return perCommit === undefined ? [] : [[label, ratio(perCommit)]];
  });
  return `${table(['', 'commits per second'], rates)}\n\n${table(['', 'invites per commit'], ratios)}`;
}
