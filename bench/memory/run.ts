import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { BenchOptions } from '../arguments.ts';
import { describeState, quietness } from '../harness/machine.ts';
import { checkResponses, checkStored, load, withServer } from '../harness/measure.ts';
import type { ServerProcess } from '../harness/server-process.ts';
import { makeStore } from '../harness/store.ts';
import { Testbed } from '../harness/testbed.ts';
import { table, whole } from '../report/markdown.ts';
import type { Outcome } from '../report/page.ts';
import { ROWS, type Row } from '../throughput/rows.ts';

/** Rows whose rooms are not in the memory of the process. */
const IDS = ['express5', 'sqlite', 'postgres-redis-1'];
const MIB = 2 ** 20;
const SAMPLING_INTERVAL_MS = 1_000;

/** Compares the memory of a process after its first minute under full load with its memory many minutes later. */
export async function memory({ soakMinutes, rows: pattern }: BenchOptions): Promise<Outcome> {
  const before = await quietness();
  const rows = ROWS.filter(({ id }) => IDS.includes(id) && (pattern === undefined || pattern.test(id)));
  const testbed = await Testbed.start(rows.map(({ testCase }) => testCase));
  let lines: string[][];
  try {
    // The rows can run side by side, because their speed does not matter.
    lines = await Promise.all(rows.map((row) => soak(testbed, row, soakMinutes)));
  } finally {
    await testbed.close();
  }
  const head = [
    '',
    'requests',
    'heap in use after 1 minute, MiB',
    `after ${soakMinutes} more`,
    'resident after 1 minute, MiB',
    `after ${soakMinutes} more`,
    'peak',
  ];
  return {
    blocks: { memory: `${describeState(before)}\n\n${table(head, lines)}` },
    charts: {},
    failures: [],
  };
}

async function soak(testbed: Testbed, { testCase, label }: Row, minutes: number): Promise<string[]> {
  const store = await makeStore(testbed, testCase);
  try {
    const nodeArguments = ['--expose-gc'];
    return await withServer(testbed, { store, testCase, nodeArguments }, async (server) => {
      const storedBefore = await store.countEvents(server);
      const first = await load(server, testCase, 60);
      const heapBefore = await server.query('collectGarbage');
      const residentBefore = await residentBytes(server);
      const finished = new AbortController();
      const peak = peakResidentBytes(server, finished.signal);
      const rest = await load(server, testCase, minutes * 60);
      finished.abort();
      checkResponses(testCase, rest);
      if (testCase.app === 'invite') {
        checkStored(testCase, (await store.countEvents(server)) - storedBefore, [first, rest]);
      }
      const heapAfter = await server.query('collectGarbage');
      const sizes = [heapBefore, heapAfter, residentBefore, await residentBytes(server), await peak];
      return [label, whole(first.requests + rest.requests), ...sizes.map((size) => (size / MIB).toFixed(1))];
    });
  } finally {
    await store.remove();
  }
}

async function residentBytes({ pids: [pid] }: ServerProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}

async function peakResidentBytes(server: ServerProcess, signal: AbortSignal): Promise<number> {
  let peak = 0;
  while (!signal.aborted) {
    peak = Math.max(peak, await residentBytes(server));
    await delay(SAMPLING_INTERVAL_MS, undefined, { signal }).catch(() => {});
  }
  return peak;
}
