import { ratioOf, type Spread, spreadOf } from '../harness/statistics.ts';
import { ratio, table, whole } from '../report/markdown.ts';
import { GROWING, type Growing, type MeasuredCurve, type Point, STORES } from './curves.ts';

const NAMES: Record<(typeof STORES)[number], string> = {
  memory: 'memory',
  sqlite: 'SQLite',
  postgres: 'PostgreSQL',
};
export const TITLES: Record<Growing, string> = {
  members: 'members of one room',
  rooms: 'rooms',
  connections: 'connections',
};

/** Microseconds of CPU of an invite, in Node and in the store, for each round. */
export function costs({ samples }: Point): number[] {
  return samples.map(({ nodeCpu, storeCpu }) => nodeCpu + storeCpu);
}

/** A table for each thing that grows. */
export function growthTables(curves: readonly MeasuredCurve[]): string {
  return GROWING.flatMap((of) => {
    const ours = STORES.flatMap(
      (store) => curves.find((curve) => curve.of === of && curve.store === store) ?? [],
    );
    const sizes = [...new Set(ours.flatMap(({ sizes }) => sizes))].sort((one, other) => one - other);
    if (ours.length === 0) return [];
    const head = [
      TITLES[of],
      ...ours.flatMap(({ store }) => [`${NAMES[store]}, µs`, `${NAMES[store]}, invites a second`]),
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

/** What an invite costs at the largest size, to what it costs at the smallest, and in between. */
export function flatness(curves: readonly MeasuredCurve[]): string {
  const lines = curves
    .filter(({ of }) => of !== 'connections')
    .flatMap(({ of, store, points }) => {
      const [first] = points;
      const last = points.at(-1);
      if (first === undefined || last === undefined) return [];
      const spread = ratioOf(costs(last), costs(first));
      return [
        [
          `${NAMES[store]}: ${whole(first.size)} to ${whole(last.size)} ${TITLES[of]}`,
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
