import type { Spread } from '../harness/statistics.ts';
import { ratio, table } from '../report/markdown.ts';
import type { Results } from './results.ts';
import { BASELINE } from './rows.ts';

/** Something to reach, and how it is read from the results; undefined where its rows were left out. */
type Target = {
  readonly what: string;
  readonly least: number;
  /** The row that a miss is explained by. */
  readonly id: string;
  measured(results: Results): Spread | undefined;
};

const toBaseline = (id: string, what: string, least: number): Target => ({
  what,
  least,
  id,
  measured: (results) => results.ratio(id),
});

const TARGETS: readonly Target[] = [
  toBaseline('memory', 'In memory: as fast as an empty handler of Express 5', 1),
  toBaseline('reinvite', 'Re-invite', 1.2),
  toBaseline('401', '401', 1.2),
  toBaseline('403', '403', 1.2),
  toBaseline('429', '429', 1.2),
  toBaseline('sqlite', 'SQLite, durable', 0.75),
  toBaseline('postgres-1', 'PostgreSQL, many rooms, one process', 0.6),
  {
    what: "PostgreSQL, many rooms, the best number of processes: to the machine's own commits",
    least: 0.7,
    id: 'postgres-2',
    measured: bestShare,
  },
  {
    what: 'PostgreSQL, one room: to many rooms',
    least: 0.5,
    id: 'hot-1',
    measured: (results) => results.ratio('hot-1', 'postgres-1'),
  },
  ...(['memory', 'postgres'] as const).map((store) => {
    const [without, withRedis] =
      store === 'memory' ? ['memory', 'memory-redis'] : ['postgres-1', 'postgres-redis-1'];
    return {
      what: `Limits in Redis, on ${store === 'memory' ? 'memory' : 'PostgreSQL'}: to none`,
      least: 0.85,
      id: withRedis,
      measured: (results: Results) => results.ratio(withRedis, without),
    };
  }),
];

export function targetTable(results: Results): string {
  const lines = TARGETS.flatMap((target) => {
    const measured = target.measured(results);
    if (measured === undefined) return [];
    const verdict = measured.median >= target.least ? 'met' : `not met: ${whatItTakes(results, target.id)}`;
    return [[target.what, `≥ ${target.least.toFixed(2)}`, ratio(measured), verdict]];
  });
  return table(['', 'target', 'measured', ''], lines);
}

function bestShare(results: Results): Spread | undefined {
  const shares = [1, 2, 4].flatMap((processes) => results.share(`postgres-${processes}`, 'pgbench') ?? []);
  return shares.sort((one, other) => other.median - one.median)[0];
}

/** Where the time of a request goes, as far as the clocks tell it. */
function whatItTakes(results: Results, id: string): string {
  const micros = (row: string, number: 'nodeCpu' | 'storeCpu') =>
    Math.round(results.spread(row, number)?.median ?? 0);
  const busy = Math.round((results.spread(id, 'busy')?.median ?? 0) * 100);
  const stores = micros(id, 'storeCpu') > 10 ? ` and ${micros(id, 'storeCpu')} µs of its stores` : '';
  return (
    `a request takes ${micros(id, 'nodeCpu')} µs of Node${stores}, an empty one ${micros(BASELINE, 'nodeCpu')} µs; ` +
    `${busy} % of the machine's CPU was in use`
  );
}
