import { table } from '../report/markdown.ts';
import type { Share } from './frame.ts';
import type { Weights } from './weights.ts';

/** What was found out of a row. */
export type ProfiledRow = { readonly label: string; readonly cpu: Weights; readonly heap: Weights };

const SHARES: Readonly<Record<Share, string>> = {
  ours: 'This package',
  express: 'Express, and what it brings',
  drivers: 'The drivers of stores',
  node: "Node's own JavaScript",
  sockets: 'Writing to sockets, the kernel included',
  outside: 'V8 and the kernel beside JavaScript',
  garbage: 'Collecting garbage',
};
/** Less is not worth a line. */
const LEAST = 0.02;

/** A line for each thing that time or bytes go to. */
export function shareTable(rows: readonly ProfiledRow[]): string {
  const lines = (Object.keys(SHARES) as Share[]).map((share) => [
    SHARES[share],
    ...rows.flatMap(({ cpu, heap }) => [percent(cpu.shares.get(share)), percent(heap.shares.get(share))]),
  ]);
  return table(['', ...rows.flatMap(({ label }) => [`${label}: CPU`, 'bytes'])], lines);
}

/** A line for each of our functions that takes more than a fiftieth of the time or of the bytes of a row. */
export function functionTable({ label, cpu, heap }: ProfiledRow): string {
  const names = [...new Set([...cpu.functions.keys(), ...heap.functions.keys()])];
  const lines = names
    .map((name) => ({ name, time: cpu.functions.get(name) ?? 0, bytes: heap.functions.get(name) ?? 0 }))
    .filter(({ time, bytes }) => time >= LEAST || bytes >= LEAST)
    .sort((one, other) => other.time - one.time)
    .map(({ name, time, bytes }) => [`\`${name}\``, percent(time), percent(bytes)]);
  return table([label, 'CPU', 'bytes'], lines);
}

function percent(part = 0): string {
  return `${(part * 100).toFixed(1)} %`;
}
