import { bar, COLORS, line, svg, text } from '../report/svg.ts';
import type { Results } from './results.ts';
import { ROWS } from './rows.ts';

const WIDTH = 780;
const LEFT = 275;
const RIGHT = 60;
const TOP = 30;
const STEP = 22;
const GROUPS = ['memory', 'redis', 'sqlite', 'express', 'postgres', 'mysql'];

/** Draws a bar for each row: the median of its ratios to Express 5, with a line from the smallest to the largest. */
export function chartOf(results: Results): string {
  const rows = ROWS.flatMap((row) => {
    const ratio = results.ratio(row.id);
    return ratio === undefined ? [] : [{ ...row, ratio }];
  });
  const longest = Math.max(1.25, ...rows.map(({ ratio }) => ratio.max));
  const scale = (ratio: number) => LEFT + (ratio / longest) * (WIDTH - LEFT - RIGHT);
  const height = TOP + rows.length * STEP + 10;
  const bars = rows.map(({ label, group, ratio }, index) => {
    const y = TOP + index * STEP;
    const middle = y + STEP / 2 - 2;
    return [
      text(LEFT - 8, middle + 4, label.replaceAll('`', ''), 'end'),
      bar(LEFT, y, scale(ratio.median) - LEFT, STEP - 5, COLORS[GROUPS.indexOf(group)] ?? COLORS[0]),
      line(scale(ratio.min), middle, scale(ratio.max), middle, 'stroke="#222"'),
      text(scale(ratio.max) + 6, middle + 4, ratio.median.toFixed(2)),
    ].join('');
  });
  const baseline = line(scale(1), TOP - 6, scale(1), height - 8, 'stroke="#222" stroke-dasharray="3 3"');
  return svg(WIDTH, height, 'Requests per second, relative to an empty Express 5 handler', [
    text(scale(1), TOP - 12, 'empty Express 5 handler = 1', 'middle'),
    ...bars,
    baseline,
  ]);
}
