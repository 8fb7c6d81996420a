import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import type { World } from './world.ts';

/** Microseconds of CPU that something has had so far. */
export type CpuTime = {
  readonly node: number;
  /** PostgreSQL and Redis. */
  readonly stores: number;
  /** Everything on the machine, whoever ran it. */
  readonly machine: number;
  /** What the machine could have given. */
  readonly possible: number;
};

/** Linux counts in ticks, 100 a second on every machine that Node runs on. */
const MICROS_OF_TICK = 10_000;

export async function cpuTime(world: World, pids: readonly number[]): Promise<CpuTime> {
  let node = 0;
  for (const pid of pids) node += (await statOf(pid)).own;
  const all = cpus().map(({ times }) => times);
  const busy = all.reduce((sum, { user, nice, sys, irq }) => sum + user + nice + sys + irq, 0) * 1_000;
  const idle = all.reduce((sum, times) => sum + times.idle, 0) * 1_000;
  return {
    node,
    stores: (await postgresTime(world)) + (await redisTime(world)),
    machine: busy,
    possible: busy + idle,
  };
}

/** The postmaster with its children, those that have ended included. */
async function postgresTime({ pool }: World): Promise<number> {
  if (pool === undefined) return 0;
  const { rows } = await pool.query('SELECT pg_backend_pid() AS pid');
  const { parent } = await statOf((rows[0] as { pid: number }).pid);
  const { own, ofEnded } = await statOf(parent);
  const children = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8');
  let time = own + ofEnded;
  for (const pid of children.split(' ').map(Number).filter(Boolean)) {
    // One may end between the two looks.
    time += await statOf(pid).then(
      ({ own }) => own,
      () => 0,
    );
  }
  return time;
}

async function redisTime({ redis }: World): Promise<number> {
  const info = (await redis?.admin((client) => client.info('cpu'))) ?? '';
  const seconds = [...info.matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].map(([, text]) => Number(text));
  return seconds.reduce((sum, each) => sum + each, 0) * 1_000_000;
}

/** proc(5): parent, times of all threads, and of ended children. */
async function statOf(pid: number): Promise<{ parent: number; own: number; ofEnded: number }> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15);
  return {
    parent: fields[1] ?? 0,
    own: (user + system) * MICROS_OF_TICK,
    ofEnded: (endedUser + endedSystem) * MICROS_OF_TICK,
  };
}
