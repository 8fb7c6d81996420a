import { fdatasyncs } from '../commit-rate/fdatasync.ts';
import { pgbenchInserts } from '../commit-rate/pgbench.ts';
import { sqliteInserts } from '../commit-rate/sqlite.ts';
import { type Case, USUAL } from '../harness/case.ts';
import type { World } from '../harness/world.ts';

/** A line of the table: a server under load. */
export type Row = {
  readonly id: string;
  readonly label: string;
  readonly group: 'express' | 'memory' | 'sqlite' | 'postgres' | 'redis';
  readonly it: Case;
  /** The commit rate that it is compared with. */
  readonly commits?: 'pgbench' | 'sqlite-insert';
};

/** What the machine itself can commit, measured in the same rounds. */
export type CommitRate = {
  readonly id: string;
  readonly label: string;
  measure(world: World, seconds: number): Promise<number>;
};

export const BASELINE = 'express5';

const memory = (id: string, label: string, it: Partial<Case> = {}): Row => ({
  id,
  label,
  group: it.limits === 'redis' ? 'redis' : 'memory',
  it: { ...USUAL, ...it },
});

const PROCESSES = [1, 2, 4];
const named = (processes: number) => `${processes} ${processes === 1 ? 'process' : 'processes'}`;

const postgres = (id: string, label: string, it: Partial<Case>): readonly Row[] =>
  PROCESSES.map((processes) => ({
    id: `${id}-${processes}`,
    label: `${label}, ${named(processes)}`,
    group: it.limits === 'redis' ? 'redis' : 'postgres',
    it: { ...USUAL, store: 'postgres', processes, ...it },
    commits: 'pgbench',
  }));

export const ROWS: readonly Row[] = [
  {
    id: BASELINE,
    label: 'Express 5, `express.json()`, `{}`',
    group: 'express',
    it: { ...USUAL, app: 'express5' },
  },
  { id: 'express4', label: 'Express 4, the same', group: 'express', it: { ...USUAL, app: 'express4' } },
  {
    id: 'headers',
    label: 'Express 5, no body read, our headers, `{}`',
    group: 'express',
    it: { ...USUAL, app: 'headers' },
  },
  memory('memory', 'Invite in memory, no limits'),
  memory('memory-limits', 'Invite in memory, `MemoryRateLimit`', { limits: 'memory' }),
  memory('memory-redis', 'Invite in memory, `RedisRateLimit`', { limits: 'redis' }),
  memory('reinvite', 'Re-invite: 200, nothing stored', { ask: 'reinvite' }),
  memory('401', 'Unknown token: 401', { ask: 'unauthorised' }),
  memory('403', 'Not in the room: 403', { ask: 'refuse' }),
  memory('429', 'Limit reached: 429', { limits: 'limited', ask: 'limit' }),
  {
    id: 'sqlite',
    label: 'SQLite',
    group: 'sqlite',
    it: { ...USUAL, store: 'sqlite' },
    commits: 'sqlite-insert',
  },
  ...postgres('postgres', 'PostgreSQL, 1,000 rooms', {}),
  ...postgres('hot', 'PostgreSQL, one room', { rooms: 1 }),
  ...postgres('postgres-redis', 'PostgreSQL, 1,000 rooms, Redis', { limits: 'redis' }),
];

export const COMMIT_RATES: readonly CommitRate[] = [
  { id: 'pgbench', label: 'PostgreSQL: pgbench, one INSERT, 32 clients', measure: pgbenchInserts },
  { id: 'sqlite-insert', label: 'SQLite: one INSERT, one caller', measure: sqliteInserts },
  { id: 'fdatasync', label: 'Disk: 4 KiB and fdatasync, one caller', measure: fdatasyncs },
];
