import { readFile } from 'node:fs/promises';
import { afterEach, beforeAll, vi } from 'vitest';
import { findPostgres } from '../../examples/cluster/programs.ts';
import { installedCommand, installedFile } from '../support/debian-package.ts';
import { Example, inBash } from './example.ts';

// A database is made, and six processes start.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

// The example's own time limits, twenty times: nothing here is to depend on how busy the machine is.
export const PATIENT = { PATIENCE: '20', METRICS_PORT: '0' };

beforeAll(async () => {
  await installedFile('postgresql', async () => (await findPostgres().catch(() => undefined))?.postgres);
  await installedCommand('redis-server');
});

const started: Example[] = [];

// Before the helper of all examples kills it: then its servers would go on.
afterEach(async () => {
  for (const example of started.splice(0)) await example.stop('SIGTERM');
});

/** Starts it, and waits until everything is printed. */
export async function start(environment: Readonly<Record<string, string>> = {}): Promise<Example> {
  const example = new Example('cluster', { ...PATIENT, ...environment });
  started.push(example);
  await example.hasPrinted(/^# 1\n/m);
  return example;
}

/** What was started, by the names and numbers that are printed. */
export function processesOf({ stdout }: Example): Map<string, number> {
  return new Map(
    [...stdout.matchAll(/^(\S+) is process (\d+)$/gm)].map(([, name = '', pid]) => [name, Number(pid)]),
  );
}

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Where PostgreSQL has its data, in a folder of the example's own. */
export async function dataFolderOf(example: Example): Promise<string> {
  const commandLine = await readFile(`/proc/${processesOf(example).get('PostgreSQL')}/cmdline`, 'utf8');
  return /-D\0([^\0]+invite-cluster-\w+\/postgres)\0/.exec(commandLine)?.[1] ?? '';
}

/** Resolves when something has become true; a failing look counts as not yet. */
export async function until(look: () => boolean | Promise<boolean>): Promise<void> {
  await vi.waitUntil(
    async () => {
      try {
        return await look();
      } catch {
        return false;
      }
    },
    { timeout: 120_000, interval: 50 },
  );
}

export type Printed = { readonly command: string; readonly answers: readonly string[] };

/** What it prints to be pasted, and what it says that will be answered. */
export function printed({ stdout }: Example): Printed[] {
  return stdout
    .split('\n\n')
    .map((block) => block.trim().split('\n'))
    .filter(([, command = '']) => command.includes('curl '))
    .map(([, command = '', ...answers]) => ({
      command,
      answers: answers.map((line) => line.replace('# ', '')),
    }));
}

/** The lines that a pasted command prints, with what differs left out. */
export async function answered(command: string): Promise<string[]> {
  const lines = (await inBash(command)).trimEnd().split(/\r?\n/);
  return lines.map((line) => line.replace(/(?<="retry_after_ms":)\d+/, '…'));
}

export const STUDIO = '!quickstart_room_of_version_12_has_no_domain';
export const GARDEN = '!garden:localhost';

/** The access token of a user, where the provider is the example's own. */
export function tokenOf({ stdout }: Example, username: string): string {
  return new RegExp(`^@${username}:localhost has the token (\\S+)$`, 'm').exec(stdout)?.[1] ?? '';
}

/** An invite, with what it is answered and by whom. */
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

/** How many events of the room's log are about a user. */
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

/** One number of all processes together: 0 for a line that is not there. */
export async function metric({ stdout }: Example, line: string): Promise<number> {
  const url = /^Metrics on (\S+)$/m.exec(stdout)?.[1] ?? '';
  const response = await fetch(url);
  if (response.status !== 200) throw new Error(`metrics were answered ${response.status}`);
  const lines = (await response.text()).split('\n');
  return Number(lines.find((each) => each.startsWith(`${line} `))?.slice(line.length) ?? 0);
}

export const INVITED = 'matrix_invite_requests_total{status="200",errcode="",outcome="invited"}';
export const LIMITED = 'matrix_invite_rate_limited_total{scope="inviter"}';
export const UNKNOWN_TOKEN =
  'matrix_invite_requests_total{status="401",errcode="M_UNKNOWN_TOKEN",outcome=""}';
export const NO_LOGIN = 'matrix_invite_host_call_failures_total{call="authenticate"}';
