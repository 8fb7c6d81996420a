import { readFile } from 'node:fs/promises';
import { afterEach, beforeAll, vi } from 'vitest';
import { findPostgres } from '../../examples/cluster/surroundings/programs.ts';
import { installedCommand, installedFile } from '../../servers/debian-package.ts';
import { Example, inBash } from './example.ts';

// The example creates a database and starts six processes.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

// Twenty times the example's own time limits, so that no test depends on how busy the machine is.
export const PATIENT = { PATIENCE: '20', METRICS_PORT: '0' };

beforeAll(async () => {
  await installedFile('postgresql', async () => (await findPostgres().catch(() => undefined))?.postgres);
  await installedCommand('redis-server');
});

const started: Example[] = [];

// Before the clean-up in example.ts kills the process, which would leave its servers running.
afterEach(async () => {
  for (const example of started.splice(0)) await example.stop('SIGTERM');
});

/** Starts the example, and waits until it has printed everything. */
export async function start(environment: Readonly<Record<string, string>> = {}): Promise<Example> {
  const example = new Example('cluster', { ...PATIENT, ...environment });
  started.push(example);
  await example.hasPrinted(/^# 1\n/m);
  return example;
}

/** The PIDs of all processes, by name, from the example's output. */
export function processesOf({ stdout }: Example): Map<string, number> {
  return new Map(
    [...stdout.matchAll(/^(\S+) has PID (\d+)$/gm)].map(([, name = '', pid]) => [name, Number(pid)]),
  );
}

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** PostgreSQL's data folder, in the example's temporary folder. */
export async function dataFolderOf(example: Example): Promise<string> {
  const commandLine = await readFile(`/proc/${processesOf(example).get('PostgreSQL')}/cmdline`, 'utf8');
  return /-D\0([^\0]+invite-cluster-\w+\/postgres)\0/.exec(commandLine)?.[1] ?? '';
}

/** Resolves when the check returns true. A check that throws counts as false. */
export async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  await vi.waitUntil(
    async () => {
      try {
        return await check();
      } catch {
        return false;
      }
    },
    { timeout: 120_000, interval: 50 },
  );
}

export type Printed = { readonly command: string; readonly expected: readonly string[] };

/** The printed commands and their expected output. */
export function printed({ stdout }: Example): Printed[] {
  return stdout
    .split('\n\n')
    .map((block) => block.trim().split('\n'))
    .filter(([, command = '']) => command.includes('curl '))
    .map(([, command = '', ...expected]) => ({
      command,
      expected: expected.map((line) => line.replace('# ', '')),
    }));
}

/** The lines that a pasted command prints, with the varying wait replaced by an ellipsis. */
export async function outputOf(command: string): Promise<string[]> {
  const lines = (await inBash(command)).trimEnd().split(/\r?\n/);
  return lines.map((line) => line.replace(/(?<="retry_after_ms":)\d+/, '…'));
}

export const STUDIO = '!studio:localhost';
export const GARDEN = '!garden:localhost';

/** A user's access token, from the output of an example that starts its own provider. */
export function tokenOf({ stdout }: Example, username: string): string {
  return new RegExp(`^@${username}:localhost has the token (\\S+)$`, 'm').exec(stdout)?.[1] ?? '';
}

/** Sends an invite, and resolves the response and the worker that responded. */
export async function invite({ url }: Example, token: string, roomId: string, userId: string) {
  const response = await fetch(`${url}/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/invite`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}` },
    body: JSON.stringify({ user_id: userId }),
  });
  const { errcode } = (await response.json()) as { errcode?: string };
  return { status: response.status, errcode, worker: response.headers.get('x-worker') ?? '' };
}

export function timelineOf({ url }: Example, token: string, roomId: string): Promise<Response> {
  return fetch(`${url}/rooms/${encodeURIComponent(roomId)}/timeline`, {
    headers: { Authorization: `Bearer ${token}` },
  });
}

/** The number of events in the room's timeline with that user as their state key. */
export async function eventsAbout(
  example: Example,
  roomId: string,
  userId: string,
  token = tokenOf(example, 'carol'),
): Promise<number> {
  const response = await timelineOf(example, token, roomId);
  const { events } = (await response.json()) as { events: { state_key: string }[] };
  return events.filter(({ state_key }) => state_key === userId).length;
}

/** One metric of all workers together. A missing line counts as 0. */
export async function metric({ stdout }: Example, line: string): Promise<number> {
  const url = /^Metrics on (\S+)$/m.exec(stdout)?.[1] ?? '';
  const response = await fetch(url);
  if (response.status !== 200) throw new Error(`The metrics returned a ${response.status}`);
  const lines = (await response.text()).split('\n');
  return Number(lines.find((each) => each.startsWith(`${line} `))?.slice(line.length) ?? 0);
}

export const INVITED = 'matrix_invite_requests_total{status="200",errcode="",outcome="invited"}';
export const LIMITED = 'matrix_invite_rate_limited_total{scope="inviter"}';
export const UNKNOWN_TOKEN =
  'matrix_invite_requests_total{status="401",errcode="M_UNKNOWN_TOKEN",outcome=""}';
export const NO_LOGIN = 'matrix_invite_host_call_failures_total{call="authenticate"}';
