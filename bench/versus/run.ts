import type { BenchOptions } from '../arguments.ts';
import { buildServer } from '../harness/build.ts';
import { describeMachine, quietness } from '../harness/machine.ts';
import { measure, type Sample } from '../harness/measure.ts';
import { ratioOf, spreadOf } from '../harness/statistics.ts';
import { Testbed } from '../harness/testbed.ts';
import { rate, ratio, table } from '../report/markdown.ts';
import type { Outcome } from '../report/page.ts';
import { BASELINE, ROWS, type Row } from '../throughput/rows.ts';

/** The samples of one row: of this tree and of the other one, in the same rounds. */
type Pair = { readonly ours: Sample[]; readonly theirs: Sample[] };

/**
 * Compares this tree with a commit: builds both, and measures each row with one and then the other. Both use this
 * tree's benchmark server, its dependencies, and stores that this tree has created.
 */
export async function versus({ rounds, seconds, rows: pattern, ref }: BenchOptions): Promise<Outcome> {
  if (ref === undefined) throw new TypeError('versus needs the commit to compare with');
  const before = await quietness();
  const rows = ROWS.filter(
    ({ id, testCase }) =>
      id === BASELINE || (testCase.app === 'invite' && (pattern === undefined || pattern.test(id))),
  );
  const testbed = await Testbed.start(rows.map(({ testCase }) => testCase));
  const failures: string[] = [];
  try {
    const theirServer = await buildServer(ref);
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
    const machine = await describeMachine(testbed, before);
    const method = `Rounds: ${rounds}. Seconds per row: ${seconds}. Compared with: ${ref}.`;
    const base = pairs.get(BASELINE);
    const lines = rows.map((row) => lineOf(row, pairs.get(row.id), base));
    return { blocks: { versus: `${machine}\n${method}\n\n${table(HEAD, lines)}` }, charts: {}, failures };
  } finally {
    await testbed.close();
  }
}

const HEAD = ['', 'requests per second', 'vs. Express 5', 'ratio', 'p50', 'p99', 'Node, CPU', 'stores, CPU'];

/** The ratios are of this tree to the other one. For Express they show the noise. */
function lineOf({ label }: Row, pair: Pair | undefined, base: Pair | undefined): string[] {
  const { ours, theirs } = pair ?? { ours: [], theirs: [] };
  if (ours.length === 0 || base === undefined) return [label, ...HEAD.slice(1).map(() => 'failed')];
  const of = (number: keyof Sample, samples: readonly Sample[]) => samples.map((sample) => sample[number]);
  const compared = (number: keyof Sample) => ratio(ratioOf(of(number, ours), of(number, theirs)));
  const usesStores = ours.some(({ storeCpu }) => storeCpu > 0);
  return [
    label,
    rate(spreadOf(of('rate', ours))),
    ratio(ratioOf(of('rate', ours), of('rate', base.ours))),
    ...(['rate', 'p50', 'p99', 'nodeCpu'] as const).map(compared),
    usesStores ? compared('storeCpu') : '',
  ];
}
