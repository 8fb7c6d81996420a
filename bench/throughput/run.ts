import type { BenchOptions } from '../arguments.ts';
import { describeMachine, quietness } from '../harness/machine.ts';
import { measure, type Sample } from '../harness/measure.ts';
import { World } from '../harness/world.ts';
import type { Outcome } from '../report/page.ts';
import { chartOf } from './chart.ts';
import { Results } from './results.ts';
import { BASELINE, COMMIT_RATES, ROWS } from './rows.ts';
import { commitTable, rowTable } from './tables.ts';
import { targetTable } from './targets.ts';

/** Every row in every round, one after the other, so that what the machine does besides meets all of them alike. */
export async function throughput({ rounds, seconds, rows: pattern }: BenchOptions): Promise<Outcome> {
  const before = await quietness();
  const rows = ROWS.filter(({ id }) => pattern === undefined || pattern.test(id) || id === BASELINE);
  const rates = COMMIT_RATES.filter(({ id }) => pattern === undefined || pattern.test(id));
  const world = await World.start(
    rows.map(({ it }) => it),
    rates.some(({ id }) => id === 'pgbench'),
  );
  const samples = new Map<string, Sample[]>();
  const commits = new Map<string, number[]>();
  const failures: string[] = [];
  try {
    for (let round = 1; round <= rounds; round += 1) {
      for (const { id, measure: measureRate } of rates) {
        add(commits, id, await measureRate(world, seconds));
      }
      // There and back, so that no row always follows the same one.
      for (const { id, it } of round % 2 === 1 ? rows : rows.toReversed()) {
        try {
          const sample = await measure(world, it, seconds);
          add(samples, id, sample);
          console.log(`round ${round} of ${rounds}: ${id} ${sample.rate.toFixed(0)}/s`);
        } catch (error) {
          failures.push(`${id}, round ${round}: ${(error as Error).message}`);
        }
      }
    }
    return await outcomeOf(new Results(samples, commits), failures, {
      machine: await describeMachine(world, before),
      method: `Rounds: ${rounds}, of ${seconds} s for each row, with 32 connections.`,
    });
  } finally {
    await world.close();
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
      throughput: `![Requests a second of each row, as a part of Express 5](images/throughput.svg)\n\n${rowTable(results)}`,
      commits: commitTable(results),
    },
    charts: { throughput: chartOf(results) },
    failures,
  };
}

function add<T>(lists: Map<string, T[]>, id: string, value: T): void {
  lists.set(id, [...(lists.get(id) ?? []), value]);
}
