import type { Spread } from '../harness/statistics.ts';
import { ratio, table } from '../report/markdown.ts';
import type { Results } from './results.ts';
import { BASELINE } from './rows.ts';

/** A performance target. */
type Target = {
  readonly label: string;
  readonly min: number;
  /** The ID of the row whose CPU times explain a miss. */
  readonly id: string;
  /** Returns `undefined` if a row was skipped. */
  measured(results: Results): Spread | undefined;
};

const vsBaseline = (id: string, label: string, min: number): Target => ({
  label,
  min,
  id,
  measured: (results) => results.ratio(id),
});

const TARGETS: readonly Target[] = [
  vsBaseline('memory', 'In memory: as fast as an empty Express 5 handler', 1),
  vsBaseline('reinvite', 'Re-invite', 1.2),
  vsBaseline('401', '401', 1.2),
  vsBaseline('403', '403', 1.2),
  vsBaseline('429', '429', 1.2),
  vsBaseline('sqlite', 'SQLite, durable', 0.75),
  vsBaseline('postgres-1', 'PostgreSQL, many rooms, one process', 0.6),
  {
    label: 'PostgreSQL, many rooms, best number of processes: invites per commit',
    min: 0.7,
    id: 'postgres-2',
    measured: bestPerCommit,
  },
  vsBaseline('mysql', 'MariaDB, many rooms, one process', 0.5),
  {
    label: 'MariaDB, many rooms: vs. PostgreSQL',
    min: 0.6,
    id: 'mysql',
    measured: (results) => results.ratio('mysql', 'postgres-1'),
  },
  {
    label: 'PostgreSQL, one room: vs. many rooms',
    min: 0.5,
    id: 'hot-1',
    measured: (results) => results.ratio('hot-1', 'postgres-1'),
  },
  ...(['memory', 'postgres'] as const).map((store) => {
    const [without, withRedis] =
      store === 'memory' ? ['memory', 'memory-redis'] : ['postgres-1', 'postgres-redis-1'];
    return {
      label: `Limits in Redis, store in ${store === 'memory' ? 'memory' : 'PostgreSQL'}: vs. no limits`,
      min: 0.85,
      id: withRedis,
      measured: (results: Results) => results.ratio(withRedis, without),
    };
  }),
];

export function targetTable(results: Results): string {
  const lines = TARGETS.flatMap((target) => {
    const measured = target.measured(results);
    if (measured === undefined) return [];
    const verdict = measured.median >= target.min ? 'met' : `not met: ${explain(results, target.id)}`;
    return [[target.label, `≥ ${target.min.toFixed(2)}`, ratio(measured), verdict]];
  });
  return table(['', 'target', 'measured', ''], lines);
}

function bestPerCommit(results: Results): Spread | undefined {
  const ratios = [1, 2, 4].flatMap(
    (processes) => results.perCommit(`postgres-${processes}`, 'pgbench') ?? [],
  );
  return ratios.sort((one, other) => other.median - one.median)[0];
}

/** Returns the CPU times of a row's requests, and how busy the machine was. */
function explain(results: Results, id: string): string {
  const micros = (row: string, number: 'nodeCpu' | 'storeCpu') =>
    Math.round(results.spread(row, number)?.median ?? 0);
  const busy = Math.round((results.spread(id, 'busy')?.median ?? 0) * 100);
  const stores = micros(id, 'storeCpu') > 10 ? ` and ${micros(id, 'storeCpu')} µs of its stores` : '';
  return (
    `a request takes ${micros(id, 'nodeCpu')} µs of Node${stores}, an empty handler ${micros(BASELINE, 'nodeCpu')} µs; ` +
    `${busy} % of the machine's CPU was in use`
  );
}
