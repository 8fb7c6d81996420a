import { table } from '../report/markdown.ts';
import type { Breakdown } from './breakdown.ts';
import type { Category } from './frame.ts';

/** The profiles of a row. */
export type ProfiledRow = { readonly label: string; readonly cpu: Breakdown; readonly heap: Breakdown };

const CATEGORIES: Readonly<Record<Category, string>> = {
  package: 'This package',
  express: 'Express and its dependencies',
  drivers: 'Store drivers',
  node: "Node's own JavaScript",
  sockets: 'Socket writes, including the kernel',
  outside: 'V8 and the kernel, outside JavaScript',
  garbage: 'Garbage collection',
};
/** Functions below this fraction of both CPU time and bytes have no line. */
const MIN_FRACTION = 0.02;

/** Returns a table with a line for each category. */
export function categoryTable(rows: readonly ProfiledRow[]): string {
  const lines = (Object.keys(CATEGORIES) as Category[]).map((category) => [
    CATEGORIES[category],
    ...rows.flatMap(({ cpu, heap }) => [
      percent(cpu.categories.get(category)),
      percent(heap.categories.get(category)),
    ]),
  ]);
  return table(['', ...rows.flatMap(({ label }) => [`${label}: CPU`, 'bytes'])], lines);
}

/** Returns a table with a line for each of the package's functions that takes 2 % of a row's CPU time or bytes. */
export function functionTable({ label, cpu, heap }: ProfiledRow): string {
  const names = [...new Set([...cpu.functions.keys(), ...heap.functions.keys()])];
  const lines = names
    .map((name) => ({ name, time: cpu.functions.get(name) ?? 0, bytes: heap.functions.get(name) ?? 0 }))
    .filter(({ time, bytes }) => time >= MIN_FRACTION || bytes >= MIN_FRACTION)
    .sort((one, other) => other.time - one.time)
    .map(({ name, time, bytes }) => [`\`${name}\``, percent(time), percent(bytes)]);
  return table([label, 'CPU', 'bytes'], lines);
}

function percent(fraction = 0): string {
  return `${(fraction * 100).toFixed(1)} %`;
}
