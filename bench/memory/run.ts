import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { BenchOptions } from '../arguments.ts';
import { describeState, quietness } from '../harness/machine.ts';
import { check, checkStored, load, withServer } from '../harness/measure.ts';
import type { ServerProcess } from '../harness/server-process.ts';
import { makeStore } from '../harness/store.ts';
import { World } from '../harness/world.ts';
import { table, whole } from '../report/markdown.ts';
import type { Outcome } from '../report/page.ts';
import { ROWS, type Row } from '../throughput/rows.ts';

/** Rows whose rooms are not in the memory of the process. */
const IDS = ['express5', 'sqlite', 'postgres-redis-1'];
const MIB = 2 ** 20;

/** What a process holds after its first minute at full load, and after many more. */
export async function memory({ soakMinutes, rows: pattern }: BenchOptions): Promise<Outcome> {
  const before = await quietness();
  const rows = ROWS.filter(({ id }) => IDS.includes(id) && (pattern === undefined || pattern.test(id)));
  const world = await World.start(rows.map(({ it }) => it));
  let lines: string[][];
  try {
    // Side by side, since this is not about speed.
    lines = await Promise.all(rows.map((row) => soak(world, row, soakMinutes)));
  } finally {
    await world.close();
  }
  const head = [
    '',
    'requests',
    'heap in use after 1 minute, MiB',
    `after ${soakMinutes} more`,
    'resident after 1 minute, MiB',
    `after ${soakMinutes} more`,
    'at most',
  ];
  return {
    blocks: { memory: `${describeState(before)}\n\n${table(head, lines)}` },
    charts: {},
    failures: [],
  };
}

async function soak(world: World, { it, label }: Row, minutes: number): Promise<string[]> {
  const store = await makeStore(world, it);
  try {
    return await withServer(world, store, it, ['--expose-gc'], async (server) => {
      const stored = await store.countEvents(server);
      const first = await load(server, it, 60);
      const heapBefore = await server.ask('collectGarbage');
      const residentBefore = await resident(server);
      const over = new AbortController();
      const watching = mostResident(server, over.signal);
      const rest = await load(server, it, minutes * 60);
      over.abort();
      check(it, rest);
      if (it.app === 'invite') checkStored(it, (await store.countEvents(server)) - stored, [first, rest]);
      const heapAfter = await server.ask('collectGarbage');
      const sizes = [heapBefore, heapAfter, residentBefore, await resident(server), await watching];
      return [label, whole(first.requests + rest.requests), ...sizes.map((size) => (size / MIB).toFixed(1))];
    });
  } finally {
    await store.remove();
  }
}

async function resident({ pids: [pid] }: ServerProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}

async function mostResident(server: ServerProcess, signal: AbortSignal): Promise<number> {
  let most = 0;
  while (!signal.aborted) {
    most = Math.max(most, await resident(server));
    await delay(1_000, undefined, { signal }).catch(() => {});
  }
  return most;
}
