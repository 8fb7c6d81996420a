import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { installedCommand } from '../../servers/debian-package.ts';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('../load/invites.lua', import.meta.url));

/** The load on a server. Each connection sends its next request as soon as the previous response has arrived. */
export type Load = {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** The number of rooms of `roomIdOf`, or the IDs of rooms. */
  readonly rooms: number | readonly string[];
  readonly token: string;
  /** The prefix of the invitees' user IDs. Each is invited once. If it is `''`, the invitee is always Bob. */
  readonly userPrefix: string;
  /** The status that every response must have. */
  readonly status: number;
};

/** Latencies are in microseconds. */
export type LoadResult = {
  readonly requests: number;
  readonly micros: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** The number of responses with another status. */
  readonly wrong: number;
  /** The status of one of them. */
  readonly wrongStatus: number;
  /** The number of failed connections and of responses that took more than 10 seconds. */
  readonly broken: number;
};

/** Runs wrk in a separate process. It costs some 15 µs of CPU per request; a generator in Node would cost a core. */
export async function wrk(load: Load): Promise<LoadResult> {
  const command = await installedCommand('wrk');
  const { stdout } = await run(command, [
    ...['--threads', '1', '--timeout', '10s'],
    ...['--connections', String(load.connections), '--duration', `${load.seconds}s`],
    ...['--script', SCRIPT, `http://127.0.0.1:${load.port}/`, '--'],
    ...[roomsOf(load), load.token, load.userPrefix, String(load.status)],
  ]);
  const result = stdout.split('\n').find((line) => line.startsWith('{'));
  if (result === undefined) throw new Error(`wrk printed no result: ${stdout}`);
  return JSON.parse(result) as LoadResult;
}

function roomsOf({ rooms }: Load): string {
  return typeof rooms === 'number' ? String(rooms) : rooms.map(encodeURIComponent).join();
}
