import type { Spread } from '../harness/statistics.ts';

/** Aligns numbers to the right. Aligns the first column, and columns with an empty head, to the left. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(head),
    `|${head.map((name, column) => (column === 0 || name === '' ? '---|' : '---:|')).join('')}`,
    ...rows.map(line),
  ].join('\n');
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function millis(micros: number): string {
  return (micros / 1_000).toFixed(1);
}

/** Formats a spread as `1.02 (0.98–1.05)`. */
export function ratio({ median, min, max }: Spread): string {
  return `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
}

/** Formats a spread as `3,411 (3,120–3,502)`. */
export function rate({ median, min, max }: Spread): string {
  return `${whole(median)} (${whole(min)}–${whole(max)})`;
}
