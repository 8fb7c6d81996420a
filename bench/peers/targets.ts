import { ratioOf, type Spread } from '../harness/statistics.ts';
import type { LoadResult } from '../harness/wrk.ts';
import { ratio, table } from '../report/markdown.ts';

/** The name of this package in the tables. */
export const OURS = 'express-matrix-invite';

/** Invites to one server, in rooms of one size, over a number of connections. */
export type Measured = {
  readonly name: string;
  readonly members: number;
  readonly connections: number;
  /** `cpu` is the CPU time of an invite in microseconds, of the server and its stores. */
  readonly samples: (LoadResult & { readonly rate: number; readonly cpu: number })[];
  /** The memory of the server and PostgreSQL after the last round, in bytes. */
  memory: number;
};

/** How many times as fast as another server, and what fraction of its CPU time, by the start of its name. */
const TARGETS: Readonly<Record<string, number>> = { Synapse: 30, Dendrite: 4 };

/** Returns the ratios to the other servers, with the most connections and in the smallest rooms. */
export function targetTable(all: readonly Measured[]): string {
  const connections = Math.max(...all.map((each) => each.connections));
  const members = Math.min(...all.map((each) => each.members));
  const compared = all.filter((each) => each.connections === connections && each.members === members);
  const ours = compared.find(({ name }) => name === OURS);
  const lines = compared.flatMap(({ name, samples }) => {
    const [, factor] = Object.entries(TARGETS).find(([start]) => name.startsWith(start)) ?? [];
    if (ours === undefined || factor === undefined) return [];
    const rates = ratioOf(numbersOf(ours.samples, 'rate'), numbersOf(samples, 'rate'));
    // Upside down, because a third of a percent is hard to read.
    const cpu = ratioOf(numbersOf(samples, 'cpu'), numbersOf(ours.samples, 'cpu'));
    return [
      [`${name}: invites per second`, `≥ ${factor.toFixed(2)}`, ratio(rates), verdict(rates, factor)],
      [`${name}: CPU per invite`, `≤ 1/${factor}`, fraction(cpu), verdict(cpu, factor)],
    ];
  });
  return table(['', 'target', 'measured', ''], lines);
}

function numbersOf(samples: Measured['samples'], number: 'rate' | 'cpu'): number[] {
  return samples.map((sample) => sample[number]);
}

function verdict({ median }: Spread, min: number): string {
  return median >= min ? 'met' : 'not met';
}

/** Formats a spread of divisors as `1/31.4 (1/30–1/33)`. */
function fraction({ median, min, max }: Spread): string {
  const one = (divisor: number) => `1/${Number(divisor.toFixed(1))}`;
  return `${one(median)} (${one(max)}–${one(min)})`;
}
