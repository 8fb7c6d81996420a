import { spreadOf } from '../harness/statistics.ts';
import { COLORS, curve, line, svg, text } from '../report/svg.ts';
import { DIMENSIONS, type MeasuredCurve, STORES } from './curves.ts';
import { costs, TITLES } from './tables.ts';

const PANEL = 250;
const PLOT = 200;
const TOP = 60;
const HEIGHT = 160;

/** Draws three panels with a logarithmic x axis: the CPU time of an invite, relative to the smallest size. */
export function growthChart(curves: readonly MeasuredCurve[]): string {
  const relative = curves.map((each) => {
    const medians = each.points.map((point) => spreadOf(costs(point)).median);
    return { ...each, values: medians.map((value) => value / (medians[0] ?? 1)) };
  });
  const highest = Math.ceil(Math.max(2, ...relative.flatMap(({ values }) => values)));
  const step = Math.ceil(highest / 4);
  const ticks = Array.from({ length: Math.floor(highest / step) + 1 }, (_, index) => index * step);
  const y = (value: number) => TOP + HEIGHT * (1 - value / highest);
  const panels = DIMENSIONS.map((dimension, index) => {
    const left = 30 + index * PANEL;
    const ours = relative.filter((each) => each.dimension === dimension);
    const largest = Math.max(2, ...ours.flatMap(({ sizes }) => sizes));
    const smallest = Math.min(largest, ...ours.flatMap(({ sizes }) => sizes));
    const range = Math.log(largest / smallest) || 1;
    const x = (size: number) => left + (PLOT * Math.log(size / smallest)) / range;
    return [
      ...ticks.map((value) => line(left, y(value), left + PLOT, y(value), 'stroke="#ccc"')),
      ...ticks.map((value) => text(left - 6, y(value) + 4, String(value), 'end')),
      ...ours.map(({ store, points, values }) =>
        curve(
          points.map(({ size }, at) => [x(size), y(values[at] ?? 0)] as const),
          COLORS[STORES.indexOf(store)] ?? COLORS[0],
        ),
      ),
      text(left, TOP + HEIGHT + 16, smallest.toLocaleString('en-US')),
      text(left + PLOT / 2, TOP - 12, TITLES[dimension], 'middle'),
      text(left + PLOT, TOP + HEIGHT + 16, largest.toLocaleString('en-US'), 'end'),
    ].join('');
  });
  const legend = ['memory', 'SQLite', 'PostgreSQL'].map(
    (name, index) => `<g fill="${COLORS[index]}">${text(30 + index * 90, 18, `● ${name}`)}</g>`,
  );
  return svg(
    30 + DIMENSIONS.length * PANEL,
    TOP + HEIGHT + 28,
    'CPU time of an invite, relative to the smallest size, as members, rooms and connections grow',
    [...legend, ...panels],
  );
}
