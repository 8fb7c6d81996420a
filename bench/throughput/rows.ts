import { fdatasyncs } from '../commit-rate/fdatasync.ts';
import { pgbenchInserts } from '../commit-rate/pgbench.ts';
import { sqliteInserts } from '../commit-rate/sqlite.ts';
import { type Case, DEFAULT_CASE } from '../harness/case.ts';
import type { Testbed } from '../harness/testbed.ts';

/** A row of the table: a server under load. */
export type Row = {
  readonly id: string;
  readonly label: string;
  readonly group: 'express' | 'memory' | 'sqlite' | 'postgres' | 'mysql' | 'redis';
  readonly testCase: Case;
  /** The commit rate that the row is compared with. */
  readonly commitRate?: 'pgbench' | 'sqlite-insert';
};

/** How fast the machine can commit without this package. Measured in the same rounds as the rows. */
export type CommitRate = {
  readonly id: string;
  readonly label: string;
  measure(testbed: Testbed, seconds: number): Promise<number>;
};

export const BASELINE = 'express5';

const memory = (id: string, label: string, changes: Partial<Case> = {}): Row => ({
  id,
  label,
  group: changes.limits === 'redis' ? 'redis' : 'memory',
  testCase: { ...DEFAULT_CASE, ...changes },
});

const PROCESSES = [1, 2, 4];
const countOf = (processes: number) => `${processes} ${processes === 1 ? 'process' : 'processes'}`;

const postgres = (id: string, label: string, changes: Partial<Case>): readonly Row[] =>
  PROCESSES.map((processes) => ({
    id: `${id}-${processes}`,
    label: `${label}, ${countOf(processes)}`,
    group: changes.limits === 'redis' ? 'redis' : 'postgres',
    testCase: { ...DEFAULT_CASE, store: 'postgres', processes, ...changes },
    commitRate: 'pgbench',
  }));

export const ROWS: readonly Row[] = [
  {
    id: BASELINE,
    label: 'Express 5, `express.json()`, `{}`',
    group: 'express',
    testCase: { ...DEFAULT_CASE, app: 'express5' },
  },
  {
    id: 'express4',
    label: 'Express 4, the same',
    group: 'express',
    testCase: { ...DEFAULT_CASE, app: 'express4' },
  },
  {
    id: 'headers',
    label: 'Express 5, no body read, our headers, `{}`',
    group: 'express',
    testCase: { ...DEFAULT_CASE, app: 'headers' },
  },
  memory('memory', 'Invite in memory, no limits'),
  memory('memory-limits', 'Invite in memory, `MemoryRateLimit`', { limits: 'memory' }),
  memory('memory-redis', 'Invite in memory, `RedisRateLimit`', { limits: 'redis' }),
  memory('reinvite', 'Re-invite: 200, nothing stored', { traffic: 'reinvite' }),
  memory('401', 'Unknown token: 401', { traffic: 'unauthorized' }),
  memory('403', 'Not in the room: 403', { traffic: 'forbidden' }),
  memory('429', 'Limit reached: 429', { limits: 'limited', traffic: 'limited' }),
  {
    id: 'sqlite',
    label: 'SQLite',
    group: 'sqlite',
    testCase: { ...DEFAULT_CASE, store: 'sqlite' },
    commitRate: 'sqlite-insert',
  },
  ...postgres('postgres', 'PostgreSQL, 1,000 rooms', {}),
  {
    id: 'mysql',
    label: 'MariaDB, 1,000 rooms, 1 process',
    group: 'mysql',
    testCase: { ...DEFAULT_CASE, store: 'mysql' },
  },
  ...postgres('hot', 'PostgreSQL, one room', { rooms: 1 }),
  ...postgres('postgres-redis', 'PostgreSQL, 1,000 rooms, Redis', { limits: 'redis' }),
  {
    id: 'postgres-redis-one-caller',
    label: 'PostgreSQL, 1,000 rooms, Redis, one caller',
    group: 'redis',
    testCase: { ...DEFAULT_CASE, store: 'postgres', limits: 'redis', connections: 1 },
  },
];

export const COMMIT_RATES: readonly CommitRate[] = [
  { id: 'pgbench', label: 'PostgreSQL: pgbench, one INSERT, 32 clients', measure: pgbenchInserts },
  { id: 'sqlite-insert', label: 'SQLite: one INSERT, one caller', measure: sqliteInserts },
  { id: 'fdatasync', label: 'Disk: 4 KiB and fdatasync, one caller', measure: fdatasyncs },
];
