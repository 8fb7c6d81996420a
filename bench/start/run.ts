import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { BenchOptions } from '../arguments.ts';
import { buildServer, removeServer } from '../harness/build.ts';
import { describeState, quietness } from '../harness/machine.ts';
import { ratioOf, spreadOf } from '../harness/statistics.ts';
import { millis, ratio, table } from '../report/markdown.ts';
import type { Outcome } from '../report/page.ts';

const run = promisify(execFile);

/** Processes per round: one takes a tenth of a second. */
const PROCESSES_PER_ROUND = 5;

/** Measures the CPU time of a process that imports the package and ends. */
export async function start({ rounds }: BenchOptions): Promise<Outcome> {
  const before = await quietness();
  const folder = (await buildServer()).replace(/server\/main\.mjs$/, 'package');
  const express = ["import 'express'"];
  const core = [...express, `import '${folder}/index.js'`];
  const imports: Readonly<Record<string, readonly string[]>> = {
    'Node alone': [],
    'Express 5': express,
    'Express 5 and `express-matrix-invite`': core,
    'Express 5, `express-matrix-invite`, `PostgresStorage`, `RedisRateLimit`': [
      ...core,
      `import '${folder}/storage/postgres.js'`,
      `import '${folder}/rate-limit/redis.js'`,
    ],
  };
  const micros = new Map<string, number[]>(Object.keys(imports).map((label) => [label, []]));
  try {
    for (let index = 0; index < rounds * PROCESSES_PER_ROUND; index += 1) {
      for (const [label, lines] of Object.entries(imports)) micros.get(label)?.push(await cpuOf(lines));
    }
  } finally {
    await removeServer();
  }
  const base = micros.get('Express 5') ?? [];
  const lines = Object.keys(imports).map((label) => {
    const values = micros.get(label) ?? [];
    return [label, millis(spreadOf(values).median), ratio(ratioOf(values, base))];
  });
  const head = ['', 'CPU, ms', 'vs. Express 5'];
  return { blocks: { start: `${describeState(before)}\n\n${table(head, lines)}` }, charts: {}, failures: [] };
}

/** Returns the CPU time of a process that runs these lines, in microseconds. */
async function cpuOf(lines: readonly string[]): Promise<number> {
  const code = [...lines, 'const { user, system } = process.cpuUsage()', 'console.log(user + system)'];
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', code.join(';')]);
  return Number(stdout);
}
