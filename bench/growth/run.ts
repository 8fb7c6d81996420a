import type { BenchOptions } from '../arguments.ts';
import { describeState, quietness } from '../harness/machine.ts';
import { measureOn, type Sample } from '../harness/measure.ts';
import { makeStore } from '../harness/store.ts';
import { Testbed } from '../harness/testbed.ts';
import type { Outcome } from '../report/page.ts';
import { growthChart } from './chart.ts';
import { type Curve, caseOf, curvesUpTo, type MeasuredCurve } from './curves.ts';
import { flatness, growthTables } from './tables.ts';

/** Measures every size of a curve in every round. Creates each store once, because a large one takes a while. */
export async function growth({ rounds, seconds, rows: pattern, most }: BenchOptions): Promise<Outcome> {
  const before = await quietness();
  const curves = curvesUpTo(most).filter(({ id }) => pattern === undefined || pattern.test(id));
  const testbed = await Testbed.start(curves.map((curve) => caseOf(curve, 1)));
  try {
    const measured: MeasuredCurve[] = [];
    const failures: string[] = [];
    for (const curve of curves)
      measured.push(await measureCurve(testbed, curve, { rounds, seconds }, failures));
    if (failures.length > 0) return { blocks: {}, charts: {}, failures };
    return {
      blocks: {
        growth: `![The cost of an invite as members, rooms and connections grow](images/growth.svg)\n\n${describeState(before)}\nRounds: ${rounds}. Seconds per size: ${seconds}.\n\n${growthTables(measured)}`,
        flatness: flatness(measured),
      },
      charts: { growth: growthChart(measured) },
      failures,
    };
  } finally {
    await testbed.close();
  }
}

/** @param failures collects the error messages */
async function measureCurve(
  testbed: Testbed,
  curve: Curve,
  { rounds, seconds }: Pick<BenchOptions, 'rounds' | 'seconds'>,
  failures: string[],
): Promise<MeasuredCurve> {
  const points = [];
  for (const size of curve.sizes) {
    const testCase = caseOf(curve, size);
    points.push({ size, testCase, store: await makeStore(testbed, testCase), samples: [] as Sample[] });
  }
  for (let round = 1; round <= rounds; round += 1) {
    for (const { size, testCase, store, samples } of round % 2 === 1 ? points : points.toReversed()) {
      try {
        const sample = await measureOn(testbed, store, { testCase, seconds });
        samples.push(sample);
        console.log(`round ${round} of ${rounds}: ${curve.id} ${size} ${sample.rate.toFixed(0)}/s`);
      } catch (error) {
        failures.push(`${curve.id} ${size}, round ${round}: ${(error as Error).message}`);
      }
    }
  }
  for (const { store } of points) await store.remove();
  return { ...curve, points };
}
