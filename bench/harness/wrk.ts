import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { installedCommand } from '../../servers/debian-package.ts';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('../load/invites.lua', import.meta.url));

/** What is asked again and again, each connection's next request right after its answer. */
export type Load = {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  readonly rooms: number;
  readonly token: string;
  /** What the names of users begin with, each of whom is invited once; `''` for always Bob. */
  readonly userPrefix: string;
  /** The status that every answer must have. */
  readonly status: number;
};

/** Latencies in microseconds. */
export type LoadResult = {
  readonly requests: number;
  readonly micros: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly wrong: number;
  readonly wrongStatus: number;
  /** Connections that failed, and answers that took longer than 10 seconds. */
  readonly broken: number;
};

/** Runs wrk: a process of its own that takes some 15 µs of CPU a request, where one in Node would take a core. */
export async function wrk(load: Load): Promise<LoadResult> {
  const command = await installedCommand('wrk');
  const { stdout } = await run(command, [
    ...[
      '--threads',
      '1',
      '--timeout',
      '10s',
      '--connections',
      String(load.connections),
      '--duration',
      `${load.seconds}s`,
    ],
    ...['--script', SCRIPT, `http://127.0.0.1:${load.port}/`, '--'],
    ...[String(load.rooms), load.token, load.userPrefix, String(load.status)],
  ]);
  const result = stdout.split('\n').find((line) => line.startsWith('{'));
  if (result === undefined) throw new Error(`wrk has no result: ${stdout}`);
  return JSON.parse(result) as LoadResult;
}
