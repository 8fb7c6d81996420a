import type { BenchOptions } from '../arguments.ts';
import { describeState, quietness } from '../harness/machine.ts';
import { check, load, warmUp, withServer } from '../harness/measure.ts';
import { ratioOf, spreadOf } from '../harness/statistics.ts';
import { makeStore } from '../harness/store.ts';
import { World } from '../harness/world.ts';
import { rate, ratio, table } from '../report/markdown.ts';
import type { Outcome } from '../report/page.ts';
import { BASELINE, ROWS, type Row } from '../throughput/rows.ts';
import { allocatedBytes } from './trace-gc.ts';

/** What every row of one process allocates on V8's heap for a request. */
export async function allocations({ rounds, seconds, rows: pattern }: BenchOptions): Promise<Outcome> {
  const before = await quietness();
  const rows = ROWS.filter(
    ({ id, it }) => it.processes === 1 && (pattern === undefined || pattern.test(id) || id === BASELINE),
  );
  const world = await World.start(rows.map(({ it }) => it));
  const bytes = new Map<string, number[]>(rows.map(({ id }) => [id, []]));
  try {
    // It hardly differs from round to round.
    for (let round = 0; round < Math.min(rounds, 3); round += 1) {
      for (const row of rows) bytes.get(row.id)?.push(await bytesOfRequest(world, row, seconds));
    }
  } finally {
    await world.close();
  }
  const base = bytes.get(BASELINE) ?? [];
  const lines = rows.map(({ id, label }) => {
    const values = bytes.get(id) ?? [];
    return [label, rate(spreadOf(values)), ratio(ratioOf(values, base))];
  });
  return {
    blocks: {
      allocations: `${describeState(before)}\n\n${table(['', 'bytes a request', 'to Express 5'], lines)}`,
    },
    charts: {},
    failures: [],
  };
}

async function bytesOfRequest(world: World, { it }: Row, seconds: number): Promise<number> {
  const store = await makeStore(world, it);
  try {
    return await withServer(world, store, it, ['--expose-gc', '--trace-gc-nvp'], async (server) => {
      await warmUp(server, it, seconds * 2);
      // V8 tells at each collection what was allocated since the one before.
      await server.ask('collectGarbage');
      const from = server.output().length;
      const result = await load(server, it, seconds);
      check(it, result);
      await server.ask('collectGarbage');
      await server.stop();
      return allocatedBytes(server.output().slice(from)) / result.requests;
    });
  } finally {
    await store.remove();
  }
}
