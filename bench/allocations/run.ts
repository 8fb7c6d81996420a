import type { BenchOptions } from '../arguments.ts';
import { describeState, quietness } from '../harness/machine.ts';
import { checkResponses, load, warmUp, withServer } from '../harness/measure.ts';
import { ratioOf, spreadOf } from '../harness/statistics.ts';
import { makeStore } from '../harness/store.ts';
import { Testbed } from '../harness/testbed.ts';
import { rate, ratio, table } from '../report/markdown.ts';
import type { Outcome } from '../report/page.ts';
import { BASELINE, ROWS, type Row } from '../throughput/rows.ts';
import { allocatedBytes } from './trace-gc.ts';

/** The results hardly differ between rounds. */
const MAX_ROUNDS = 3;

/** Measures the bytes on V8's heap that one request allocates, for every row with a single process. */
export async function allocations({ rounds, seconds, rows: pattern }: BenchOptions): Promise<Outcome> {
  const before = await quietness();
  const rows = ROWS.filter(
    ({ id, testCase }) =>
      testCase.processes === 1 && (pattern === undefined || pattern.test(id) || id === BASELINE),
  );
  const testbed = await Testbed.start(rows.map(({ testCase }) => testCase));
  const bytes = new Map<string, number[]>(rows.map(({ id }) => [id, []]));
  try {
    for (let round = 0; round < Math.min(rounds, MAX_ROUNDS); round += 1) {
      for (const row of rows) bytes.get(row.id)?.push(await bytesPerRequest(testbed, row, seconds));
    }
  } finally {
    await testbed.close();
  }
  const base = bytes.get(BASELINE) ?? [];
  const lines = rows.map(({ id, label }) => {
    const values = bytes.get(id) ?? [];
    return [label, rate(spreadOf(values)), ratio(ratioOf(values, base))];
  });
  return {
    blocks: {
      allocations: `${describeState(before)}\n\n${table(['', 'bytes per request', 'vs. Express 5'], lines)}`,
    },
    charts: {},
    failures: [],
  };
}

/** @param serverFile the server to start. Default: that of the testbed */
export async function bytesPerRequest(
  testbed: Testbed,
  { testCase }: Row,
  seconds: number,
  serverFile?: string,
): Promise<number> {
  const store = await makeStore(testbed, testCase);
  const nodeArguments = ['--expose-gc', '--trace-gc-nvp'];
  try {
    return await withServer(testbed, { store, testCase, serverFile, nodeArguments }, async (server) => {
      await warmUp(server, testCase, seconds * 2);
      // At each collection, V8 prints the bytes that were allocated since the previous one.
      await server.query('collectGarbage');
      const from = server.output().length;
      const result = await load(server, testCase, seconds);
      checkResponses(testCase, result);
      await server.query('collectGarbage');
      await server.stop();
      return allocatedBytes(server.output().slice(from)) / result.requests;
    });
  } finally {
    await store.remove();
  }
}
