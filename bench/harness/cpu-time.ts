import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import type { Testbed } from './testbed.ts';

/** CPU time so far, in microseconds. */
export type CpuTime = {
  /** Used by the processes of the server. */
  readonly node: number;
  /** Used by PostgreSQL, MariaDB and Redis. */
  readonly stores: number;
  /** Used by all processes on the machine. */
  readonly machine: number;
  /** Used or idle: all that the machine could have provided. */
  readonly available: number;
};

/** Linux counts in ticks: 100 per second on every machine that Node supports. */
const MICROS_PER_TICK = 10_000;

export async function cpuTime(testbed: Testbed, pids: readonly number[]): Promise<CpuTime> {
  let node = 0;
  for (const pid of pids) node += (await statOf(pid)).own;
  const all = cpus().map(({ times }) => times);
  const busy = all.reduce((sum, { user, nice, sys, irq }) => sum + user + nice + sys + irq, 0) * 1_000;
  const idle = all.reduce((sum, times) => sum + times.idle, 0) * 1_000;
  return {
    node,
    stores: (await postgresTime(testbed)) + (await mariadbTime(testbed)) + (await redisTime(testbed)),
    machine: busy,
    available: busy + idle,
  };
}

/** Returns the IDs of PostgreSQL's processes, the postmaster first. */
export async function postgresPids({ pool }: Testbed): Promise<readonly number[]> {
  if (pool === undefined) return [];
  const { rows } = await pool.query('SELECT pg_backend_pid() AS pid');
  const { parent } = await statOf((rows[0] as { pid: number }).pid);
  const children = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8');
  return [parent, ...children.split(' ').map(Number).filter(Boolean)];
}

/** Adds up the postmaster and its children, including those that have exited. */
async function postgresTime(testbed: Testbed): Promise<number> {
  const [postmaster, ...children] = await postgresPids(testbed);
  if (postmaster === undefined) return 0;
  const { own, ofExitedChildren } = await statOf(postmaster);
  let time = own + ofExitedChildren;
  for (const pid of children) {
    // A child may exit after the list was read.
    time += await statOf(pid).then(
      ({ own }) => own,
      () => 0,
    );
  }
  return time;
}

async function mariadbTime({ mariadb }: Testbed): Promise<number> {
  return mariadb?.pid === undefined ? 0 : (await statOf(mariadb.pid)).own;
}

async function redisTime({ redis }: Testbed): Promise<number> {
  const info = (await redis?.admin((client) => client.info('cpu'))) ?? '';
  const seconds = [...info.matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].map(([, text]) => Number(text));
  return seconds.reduce((sum, each) => sum + each, 0) * 1_000_000;
}

/** Reads proc(5): the parent, the CPU time of all threads, and the CPU time of children that have exited. */
async function statOf(pid: number): Promise<{ parent: number; own: number; ofExitedChildren: number }> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [user = 0, system = 0, exitedUser = 0, exitedSystem = 0] = fields.slice(11, 15);
  return {
    parent: fields[1] ?? 0,
    own: (user + system) * MICROS_PER_TICK,
    ofExitedChildren: (exitedUser + exitedSystem) * MICROS_PER_TICK,
  };
}
