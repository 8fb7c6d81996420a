import { existsSync } from 'node:fs';
import { bytesPerRequest } from '../allocations/run.ts';
import type { BenchOptions } from '../arguments.ts';
import { buildServer } from '../harness/build.ts';
import type { Case } from '../harness/case.ts';
import { describeMachine, quietness } from '../harness/machine.ts';
import { measure, type Sample } from '../harness/measure.ts';
import { ratioOf, spreadOf } from '../harness/statistics.ts';
import { Testbed } from '../harness/testbed.ts';
import { rate, ratio, table } from '../report/markdown.ts';
import type { Outcome } from '../report/page.ts';
import { BASELINE, ROWS, type Row } from '../throughput/rows.ts';
import { type BytesPair, compared, type Pair, ROWS_WITH_BYTES, targetTable } from './targets.ts';

/**
 * Compares this tree with a commit: builds both, and measures each row with one and then the other. Both use this
 * tree's benchmark server, its dependencies, and stores that this tree has created.
 */
export async function versus({ rounds, seconds, rows: pattern, ref }: BenchOptions): Promise<Outcome> {
  if (ref === undefined) throw new TypeError('versus needs the commit to compare with');
  const before = await quietness();
  const matching = ROWS.filter(
    ({ id, testCase }) =>
      id === BASELINE || (testCase.app === 'invite' && (pattern === undefined || pattern.test(id))),
  );
  const testbed = await Testbed.start(matching.map(({ testCase }) => testCase));
  const failures: string[] = [];
  try {
    const theirServer = await buildServer(ref);
    const rows = matching.filter(({ testCase }) => hasStore(theirServer, testCase));
    const pairs = new Map<string, Pair>(rows.map(({ id }) => [id, { ours: [], theirs: [] }]));
    for (let round = 1; round <= rounds; round += 1) {
      for (const { id, testCase } of round % 2 === 1 ? rows : rows.toReversed()) {
        try {
          // Alternates the order, so that neither always follows the other.
          const files =
            round % 2 === 1 ? [testbed.serverFile, theirServer] : [theirServer, testbed.serverFile];
          const samples = new Map<string, Sample>();
          for (const serverFile of files) {
            samples.set(serverFile, await measure(testbed, { testCase, seconds, serverFile }));
          }
          const [ours, theirs] = [samples.get(testbed.serverFile), samples.get(theirServer)];
          if (ours === undefined || theirs === undefined) continue;
          pairs.get(id)?.ours.push(ours);
          pairs.get(id)?.theirs.push(theirs);
          console.log(`round ${round} of ${rounds}: ${id} ${(ours.rate / theirs.rate).toFixed(2)}`);
        } catch (error) {
          failures.push(`${id}, round ${round}: ${(error as Error).message}`);
        }
      }
    }
    const bytes = new Map<string, BytesPair>();
    for (const row of rows.filter(({ id }) => ROWS_WITH_BYTES.includes(id))) {
      const ours = await bytesPerRequest(testbed, row, seconds);
      bytes.set(row.id, { ours, theirs: await bytesPerRequest(testbed, row, seconds, theirServer) });
    }
    const machine = await describeMachine(testbed, before);
    const method = `Rounds: ${rounds}. Seconds per row: ${seconds}. Compared with: ${ref}.`;
    const base = pairs.get(BASELINE);
    const lines = rows.map((row) => lineOf(row, pairs.get(row.id), base));
    const block = [`${machine}\n${method}`, targetTable({ pairs, bytes }), table(HEAD, lines)].join('\n\n');
    return { blocks: { versus: block }, charts: {}, failures };
  } finally {
    await testbed.close();
  }
}

/** Returns false for a store that the other tree does not have yet. */
function hasStore(theirServer: string, { store }: Case): boolean {
  return existsSync(theirServer.replace(/server\/main\.mjs$/, `package/storage/${store}.js`));
}

const HEAD = ['', 'requests per second', 'vs. Express 5', 'ratio', 'p50', 'p99', 'Node, CPU', 'stores, CPU'];

/** The ratios are of this tree to the other one. For Express they show the noise. */
function lineOf({ label }: Row, pair: Pair | undefined, base: Pair | undefined): string[] {
  if (pair === undefined || pair.ours.length === 0 || base === undefined) {
    return [label, ...HEAD.slice(1).map(() => 'failed')];
  }
  const rates = (samples: readonly Sample[]) => samples.map((sample) => sample.rate);
  const cell = (number: keyof Sample) => {
    const spread = compared(pair, number);
    return spread === undefined ? '' : ratio(spread);
  };
  const usesStores = pair.ours.some(({ storeCpu }) => storeCpu > 0);
  return [
    label,
    rate(spreadOf(rates(pair.ours))),
    ratio(ratioOf(rates(pair.ours), rates(base.ours))),
    ...(['rate', 'p50', 'p99', 'nodeCpu'] as const).map(cell),
    usesStores ? cell('storeCpu') : '',
  ];
}
