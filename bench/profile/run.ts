import type { BenchOptions } from '../arguments.ts';
import { describeState, quietness } from '../harness/machine.ts';
import { checkResponses, load, warmUp, withServer } from '../harness/measure.ts';
import type { ServerProcess } from '../harness/server-process.ts';
import { makeStore } from '../harness/store.ts';
import { Testbed } from '../harness/testbed.ts';
import type { Outcome } from '../report/page.ts';
import { BASELINE, ROWS, type Row } from '../throughput/rows.ts';
import { cpuBreakdown, heapBreakdown } from './breakdown.ts';
import { categoryTable, functionTable, type ProfiledRow } from './tables.ts';

const DEFAULT_IDS = [BASELINE, 'memory', 'postgres-1'];

/** Runs V8's CPU profiler and then its heap profiler on a server under load. */
export async function profile({ seconds, rows: pattern }: BenchOptions): Promise<Outcome> {
  const before = await quietness();
  const rows = ROWS.filter(({ id, testCase }) =>
    pattern === undefined ? DEFAULT_IDS.includes(id) : testCase.processes === 1 && pattern.test(id),
  );
  const testbed = await Testbed.start(rows.map(({ testCase }) => testCase));
  const profiled: ProfiledRow[] = [];
  try {
    for (const row of rows) profiled.push(await profileRow(testbed, row, seconds));
  } finally {
    await testbed.close();
  }
  const functions = profiled.filter((_, index) => rows[index]?.testCase.app === 'invite').map(functionTable);
  return {
    blocks: { profile: [describeState(before), categoryTable(profiled), ...functions].join('\n\n') },
    charts: {},
    failures: [],
  };
}

async function profileRow(testbed: Testbed, { label, testCase }: Row, seconds: number): Promise<ProfiledRow> {
  const applyLoad = async (server: ServerProcess) =>
    checkResponses(testCase, await load(server, testCase, seconds));
  const store = await makeStore(testbed, testCase);
  try {
    return await withServer(testbed, { store, testCase }, async (server) => {
      await warmUp(server, testCase, seconds * 2);
      await server.query('startCpu');
      await applyLoad(server);
      const cpu = cpuBreakdown(await server.query('stopCpu'));
      await server.query('startHeap');
      await applyLoad(server);
      const heap = heapBreakdown(await server.query('stopHeap'));
      return { label, cpu, heap };
    });
  } finally {
    await store.remove();
  }
}
