import type { BenchOptions } from '../arguments.ts';
import { describeMachine, quietness } from '../harness/machine.ts';
import { measure, type Sample } from '../harness/measure.ts';
import { Testbed } from '../harness/testbed.ts';
import type { Outcome } from '../report/page.ts';
import { chartOf } from './chart.ts';
import { Results } from './results.ts';
import { BASELINE, COMMIT_RATES, ROWS } from './rows.ts';
import { commitTable, rowTable } from './tables.ts';
import { targetTable } from './targets.ts';

/** Measures every row in every round, so that other load on the machine affects all rows equally. */
export async function throughput({ rounds, seconds, rows: pattern }: BenchOptions): Promise<Outcome> {
  const before = await quietness();
  const rows = ROWS.filter(({ id }) => pattern === undefined || pattern.test(id) || id === BASELINE);
  const rates = COMMIT_RATES.filter(({ id }) => pattern === undefined || pattern.test(id));
  const testbed = await Testbed.start(
    rows.map(({ testCase }) => testCase),
    rates.some(({ id }) => id === 'pgbench'),
  );
  const samples = new Map<string, Sample[]>();
  const commits = new Map<string, number[]>();
  const failures: string[] = [];
  try {
    for (let round = 1; round <= rounds; round += 1) {
      for (const { id, measure: measureRate } of rates) {
        add(commits, id, await measureRate(testbed, seconds));
      }
      // Alternates the direction, so that no row always follows the same one.
      for (const { id, testCase } of round % 2 === 1 ? rows : rows.toReversed()) {
        try {
          const sample = await measure(testbed, { testCase, seconds });
          add(samples, id, sample);
          console.log(`round ${round} of ${rounds}: ${id} ${sample.rate.toFixed(0)}/s`);
        } catch (error) {
          failures.push(`${id}, round ${round}: ${(error as Error).message}`);
        }
      }
    }
    return await outcomeOf(new Results(samples, commits), failures, {
      machine: await describeMachine(testbed, before),
      method: `Rounds: ${rounds}. Seconds per row: ${seconds}. Connections: 32.`,
    });
  } finally {
    await testbed.close();
  }
}

async function outcomeOf(
  results: Results,
  failures: readonly string[],
  { machine, method }: { machine: string; method: string },
): Promise<Outcome> {
  if (failures.length > 0) return { blocks: {}, charts: {}, failures };
  return {
    blocks: {
      machine: `${machine}\n${method}`,
      targets: targetTable(results),
      throughput: `![Requests per second of each row, relative to Express 5](images/throughput.svg)\n\n${rowTable(results)}`,
      commits: commitTable(results),
    },
    charts: { throughput: chartOf(results) },
    failures,
  };
}

function add<T>(lists: Map<string, T[]>, id: string, value: T): void {
  lists.set(id, [...(lists.get(id) ?? []), value]);
}
