import type { BenchOptions } from '../arguments.ts';
import { describeState, quietness } from '../harness/machine.ts';
import { measureOn, type Sample } from '../harness/measure.ts';
import { makeStore } from '../harness/store.ts';
import { World } from '../harness/world.ts';
import type { Outcome } from '../report/page.ts';
import { growthChart } from './chart.ts';
import { type Curve, caseOf, curvesUpTo, type MeasuredCurve } from './curves.ts';
import { flatness, growthTables } from './tables.ts';

/** Every size of a curve in every round; the stores are made once, since a million of anything takes a while. */
export async function growth({ rounds, seconds, rows: pattern, most }: BenchOptions): Promise<Outcome> {
  const before = await quietness();
  const curves = curvesUpTo(most).filter(({ id }) => pattern === undefined || pattern.test(id));
  const world = await World.start(curves.map((curve) => caseOf(curve, 1)));
  try {
    const measured: MeasuredCurve[] = [];
    const failures: string[] = [];
    for (const curve of curves)
      measured.push(await measureCurve(world, curve, { rounds, seconds }, failures));
    if (failures.length > 0) return { blocks: {}, charts: {}, failures };
    return {
      blocks: {
        growth: `![The cost of an invite as members, rooms and connections grow](images/growth.svg)\n\n${describeState(before)}\nRounds: ${rounds}, of ${seconds} s for each size.\n\n${growthTables(measured)}`,
        flatness: flatness(measured),
      },
      charts: { growth: growthChart(measured) },
      failures,
    };
  } finally {
    await world.close();
  }
}

/** @param failures gets what went wrong */
async function measureCurve(
  world: World,
  curve: Curve,
  { rounds, seconds }: Pick<BenchOptions, 'rounds' | 'seconds'>,
  failures: string[],
): Promise<MeasuredCurve> {
  const points = [];
  for (const size of curve.sizes) {
    const it = caseOf(curve, size);
    points.push({ size, it, store: await makeStore(world, it), samples: [] as Sample[] });
  }
  for (let round = 1; round <= rounds; round += 1) {
    for (const { size, it, store, samples } of round % 2 === 1 ? points : points.toReversed()) {
      try {
        const sample = await measureOn(world, store, it, seconds);
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
