import { ratioOf, type Spread, spreadOf } from '../harness/statistics.ts';
import { ratio, table, whole } from '../report/markdown.ts';
import { DIMENSIONS, type Dimension, type MeasuredCurve, type Point, STORES } from './curves.ts';

const NAMES: Record<(typeof STORES)[number], string> = {
  memory: 'memory',
  sqlite: 'SQLite',
  postgres: 'PostgreSQL',
};
export const TITLES: Record<Dimension, string> = {
  members: 'members of one room',
  rooms: 'rooms',
  connections: 'connections',
};

/** Returns the CPU time of an invite in each round, in Node and the store together, in microseconds. */
export function costs({ samples }: Point): number[] {
  return samples.map(({ nodeCpu, storeCpu }) => nodeCpu + storeCpu);
}

/** Returns a table for each dimension. */
export function growthTables(curves: readonly MeasuredCurve[]): string {
  return DIMENSIONS.flatMap((dimension) => {
    const ours = STORES.flatMap(
      (store) => curves.find((curve) => curve.dimension === dimension && curve.store === store) ?? [],
    );
    const sizes = [...new Set(ours.flatMap(({ sizes }) => sizes))].sort((one, other) => one - other);
    if (ours.length === 0) return [];
    const head = [
      TITLES[dimension],
      ...ours.flatMap(({ store }) => [`${NAMES[store]}, µs`, `${NAMES[store]}, invites per second`]),
    ];
    return [
      table(
        head,
        sizes.map((size) => [whole(size), ...ours.flatMap((curve) => cells(curve, size))]),
      ),
    ];
  }).join('\n\n');
}

function cells({ points }: MeasuredCurve, size: number): string[] {
  const point = points.find((each) => each.size === size);
  if (point === undefined) return ['', ''];
  return [spreadOf(costs(point)), spreadOf(point.samples.map(({ rate }) => rate))].map(({ median }) =>
    whole(median),
  );
}

/** Returns a table that compares the cost of an invite at the largest and at the smallest size. */
export function flatness(curves: readonly MeasuredCurve[]): string {
  const lines = curves
    .filter(({ dimension }) => dimension !== 'connections')
    .flatMap(({ dimension, store, points }) => {
      const [first] = points;
      const last = points.at(-1);
      if (first === undefined || last === undefined) return [];
      const spread = ratioOf(costs(last), costs(first));
      return [
        [
          `${NAMES[store]}: ${whole(first.size)} to ${whole(last.size)} ${TITLES[dimension]}`,
          '0.90 to 1.10',
          ratio(spread),
          isFlat(spread) ? 'met' : 'not met',
        ],
      ];
    });
  return table(['', 'target', 'measured', ''], lines);
}

function isFlat({ median }: Spread): boolean {
  return median >= 0.9 && median <= 1.1;
}
