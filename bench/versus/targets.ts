import type { Sample } from '../harness/measure.ts';
import { ratioOf, type Spread } from '../harness/statistics.ts';
import { ratio, table } from '../report/markdown.ts';
import { BASELINE } from '../throughput/rows.ts';

/** The samples of one row: of this tree and of the other one, in the same rounds. */
export type Pair = { readonly ours: Sample[]; readonly theirs: Sample[] };

/** The bytes that one request allocates, by this tree and by the other one. */
export type BytesPair = { readonly ours: number; readonly theirs: number };

/** What was measured of each row, by its ID. */
export type Measured = {
  readonly pairs: ReadonlyMap<string, Pair>;
  readonly bytes: ReadonlyMap<string, BytesPair>;
};

/** A ratio that this tree should reach, or should not exceed. */
type Target = {
  readonly label: string;
  readonly bound: '≥' | '≤';
  readonly limit: number;
  /** Returns `undefined` if a row was skipped. */
  measured(measured: Measured): Spread | undefined;
};

const of = (number: keyof Sample, samples: readonly Sample[]) => samples.map((sample) => sample[number]);

const faster = (id: string, label: string, limit: number): Target => ({
  label: `${label}: requests per second`,
  bound: '≥',
  limit,
  measured: ({ pairs }) => compared(pairs.get(id), 'rate'),
});

const nearExpress = (id: string, label: string, limit: number): Target => ({
  label: `${label}: vs. Express 5`,
  bound: '≥',
  limit,
  measured: ({ pairs }) => {
    const [row, base] = [pairs.get(id), pairs.get(BASELINE)];
    if (row === undefined || base === undefined || row.ours.length === 0) return undefined;
    return ratioOf(of('rate', row.ours), of('rate', base.ours));
  },
});

const fewerBytes = (id: string, label: string, limit: number): Target => ({
  label: `${label}: bytes per invite`,
  bound: '≤',
  limit,
  measured: ({ bytes }) => {
    const row = bytes.get(id);
    return row && ratioOf([row.ours], [row.theirs]);
  },
});

const POSTGRES = 'PostgreSQL, 1,000 rooms, 1 process';
const REDIS = 'PostgreSQL with Redis, 1,000 rooms, 1 process';

const BYTES = [
  { id: 'memory', label: 'In memory', limit: 0.85 },
  { id: 'postgres-redis-1', label: REDIS, limit: 0.7 },
];

const TARGETS: readonly Target[] = [
  faster('postgres-1', POSTGRES, 1.4),
  nearExpress('postgres-1', POSTGRES, 0.85),
  faster('hot-1', 'PostgreSQL, one room', 1.4),
  nearExpress('hot-1', 'PostgreSQL, one room', 0.9),
  faster('postgres-redis-1', REDIS, 1.6),
  nearExpress('postgres-redis-1', REDIS, 0.75),
  faster('postgres-redis-4', 'PostgreSQL with Redis, 4 processes', 1.5),
  {
    label: 'PostgreSQL with Redis, one caller: median latency',
    bound: '≤',
    limit: 0.6,
    measured: ({ pairs }) => compared(pairs.get('postgres-redis-one-caller'), 'p50'),
  },
  faster('sqlite', 'SQLite', 1.2),
  nearExpress('sqlite', 'SQLite', 0.75),
  ...(
    [
      ['memory', 'In memory'],
      ['403', '403'],
      ['reinvite', 'Re-invite'],
      ['401', '401'],
    ] as const
  ).flatMap(([id, label]) => [faster(id, label, 1.15), nearExpress(id, label, 1)]),
  ...BYTES.map(({ id, label, limit }) => fewerBytes(id, label, limit)),
];

/** The rows whose bytes have a target. */
export const ROWS_WITH_BYTES: readonly string[] = BYTES.map(({ id }) => id);

/** Returns the ratios of a number within each round, of this tree to the other one, or `undefined` without samples. */
export function compared(pair: Pair | undefined, number: keyof Sample): Spread | undefined {
  if (pair === undefined || pair.ours.length === 0) return undefined;
  return ratioOf(of(number, pair.ours), of(number, pair.theirs));
}

/** Returns a line for each target whose rows were measured. */
export function targetTable(measured: Measured): string {
  const lines = TARGETS.flatMap((target) => {
    const spread = target.measured(measured);
    if (spread === undefined) return [];
    const isMet = target.bound === '≥' ? spread.median >= target.limit : spread.median <= target.limit;
    const limit = `${target.bound} ${target.limit.toFixed(2)}`;
    return [[target.label, limit, ratio(spread), isMet ? 'met' : 'not met']];
  });
  return table(['', 'target', 'measured', ''], lines);
}
