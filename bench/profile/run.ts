import type { BenchOptions } from '../arguments.ts';
import { describeState, quietness } from '../harness/machine.ts';
import { check, load, warmUp, withServer } from '../harness/measure.ts';
import type { ServerProcess } from '../harness/server-process.ts';
import { makeStore } from '../harness/store.ts';
import { World } from '../harness/world.ts';
import type { Outcome } from '../report/page.ts';
import { BASELINE, ROWS, type Row } from '../throughput/rows.ts';
import { functionTable, type ProfiledRow, shareTable } from './tables.ts';
import { weightsOfCpu, weightsOfHeap } from './weights.ts';

const IDS = [BASELINE, 'memory', 'postgres-1'];

/** Where the time goes, and the memory: V8's own profiles of a server under load, one after the other. */
export async function profile({ seconds, rows: pattern }: BenchOptions): Promise<Outcome> {
  const before = await quietness();
  const rows = ROWS.filter(({ id, it }) =>
    pattern === undefined ? IDS.includes(id) : it.processes === 1 && pattern.test(id),
  );
  const world = await World.start(rows.map(({ it }) => it));
  const profiled: ProfiledRow[] = [];
  try {
    for (const row of rows) profiled.push(await profileRow(world, row, seconds));
  } finally {
    await world.close();
  }
  const functions = profiled.filter((_, index) => rows[index]?.it.app === 'invite').map(functionTable);
  return {
    blocks: { profile: [describeState(before), shareTable(profiled), ...functions].join('\n\n') },
    charts: {},
    failures: [],
  };
}

async function profileRow(world: World, row: Row, seconds: number): Promise<ProfiledRow> {
  const underLoad = async (server: ServerProcess) => check(row.it, await load(server, row.it, seconds));
  const store = await makeStore(world, row.it);
  try {
    return await withServer(world, store, row.it, [], async (server) => {
      await warmUp(server, row.it, seconds * 2);
      await server.ask('startCpu');
      await underLoad(server);
      const cpu = weightsOfCpu(await server.ask('stopCpu'));
      await server.ask('startHeap');
      await underLoad(server);
      const heap = weightsOfHeap(await server.ask('stopHeap'));
      return { label: row.label, cpu, heap };
    });
  } finally {
    await store.remove();
  }
}
