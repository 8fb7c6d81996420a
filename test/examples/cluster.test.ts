import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { findPostgres } from '../../examples/cluster/programs.ts';
import { installedCommand, installedFile } from '../support/debian-package.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { eventually, RedisServer } from '../support/redis-server.ts';
import { Example, freePort, inBash, newDatabasePath, silentConnection, takenPort } from './example.ts';

// A database is made, and five processes start.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

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
async function start(environment: Readonly<Record<string, string>> = {}): Promise<Example> {
  const example = new Example('cluster', environment);
  started.push(example);
  await example.hasPrinted(/^# 1\n/m);
  return example;
}

/** What was started, by the names and numbers that are printed. */
function processesOf({ stdout }: Example): Map<string, number> {
  return new Map(
    [...stdout.matchAll(/^(\S+) is process (\d+)$/gm)].map(([, name = '', pid]) => [name, Number(pid)]),
  );
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Where PostgreSQL has its data, in a folder of the example's own. */
async function dataFolderOf(example: Example): Promise<string> {
  const commandLine = await readFile(`/proc/${processesOf(example).get('PostgreSQL')}/cmdline`, 'utf8');
  return /-D\0([^\0]+invite-cluster-\w+\/postgres)\0/.exec(commandLine)?.[1] ?? '';
}

async function areGone(pids: readonly number[]): Promise<void> {
  await eventually('all processes are gone', async () => !pids.some(isRunning));
}

type Printed = { readonly command: string; readonly answers: readonly string[] };

/** What it prints to be pasted, and what it says that will be answered. */
function printed({ stdout }: Example): Printed[] {
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
async function answered(command: string): Promise<string[]> {
  const lines = (await inBash(command)).trimEnd().split(/\r?\n/);
  return lines.map((line) => line.replace(/(?<="retry_after_ms":)\d+/, '…'));
}

const STUDIO = '!quickstart_room_of_version_12_has_no_domain';
const GARDEN = '!garden:localhost';

/** An invite, with what it is answered and by whom. */
async function invite({ url }: Example, token: string, roomId: string, userId: string) {
  const response = await fetch(`${url}/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/invite`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}` },
    body: JSON.stringify({ user_id: userId }),
  });
  await response.text();
  return { status: response.status, worker: response.headers.get('x-worker') ?? '' };
}

function timelineOf({ url }: Example, token: string, roomId: string): Promise<Response> {
  return fetch(`${url}/rooms/${encodeURIComponent(roomId)}/timeline`, {
    headers: { Authorization: `Bearer ${token}` },
  });
}

/** How many events of the room's log are about a user. */
async function eventsAbout(example: Example, roomId: string, userId: string): Promise<number> {
  const response = await timelineOf(example, 'carol-token', roomId);
  const { events } = (await response.json()) as { events: { state_key: string }[] };
  return events.filter(({ state_key }) => state_key === userId).length;
}

describe('the cluster', () => {
  it('answers what it prints as it says', async () => {
    const example = await start();
    const lines = printed(example);
    expect(lines).toHaveLength(5);
    for (const { command, answers } of lines) {
      if (answers[0]?.startsWith('X-Worker')) {
        await eventually(
          'each has had its turn',
          async () => `${(await answered(command)).sort()}` === `${answers}`,
        );
      } else {
        expect(await answered(command)).toEqual(answers);
      }
    }
    expect(example.stderr).toBe('');
  });

  it('is as one server: one event of 200 racing requests, one limit, one login', async () => {
    const example = await start();
    const racing = await Promise.all(
      Array.from({ length: 200 }, () => invite(example, 'carol-token', STUDIO, '@frank:localhost')),
    );
    expect(racing.map(({ status }) => status)).toContain(200);
    // A machine that is too slow for the deadlines answers some by 503.
    expect(racing.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
    expect(new Set(racing.map(({ worker }) => worker)).size).toBe(4);
    expect(await eventsAbout(example, STUDIO, '@frank:localhost')).toBe(1);

    const limited = await Promise.all(
      Array.from({ length: 40 }, (_, n) => invite(example, 'dave-token', GARDEN, `@guest${n}:localhost`)),
    );
    const answeredBy = (status: number) => limited.filter((answer) => answer.status === status).length;
    const [allowed, refused, late] = [answeredBy(200), answeredBy(429), answeredBy(503)];
    expect(allowed + refused + late).toBe(40);
    expect(allowed + late).toBeGreaterThanOrEqual(3);
    // Exact as long as Redis is in time; otherwise each of the four counts for itself as well.
    const isExact = !example.stderr.includes('Redis cannot be asked');
    expect(allowed).toBeLessThanOrEqual(isExact ? 3 : 15);
    expect(new Set(limited.map(({ worker }) => worker)).size).toBe(4);

    expect((await timelineOf(example, 'carol-token', STUDIO)).status).toBe(200);
    expect((await timelineOf(example, 'nobody', STUDIO)).status).toBe(401);
    expect((await timelineOf(example, 'alice-token', STUDIO)).status).toBe(404);
    expect((await timelineOf(example, 'carol-token', '!none:localhost')).status).toBe(404);
    expect((await fetch(`${example.url}/rooms/${STUDIO}/timeline`)).status).toBe(401);
    expect((await fetch(`${example.url}/health`)).status).toBe(200);
  });

  it('goes on when a process is killed, and replaces it', async () => {
    const example = await start();
    process.kill(processesOf(example).get('worker-2') ?? 0, 'SIGKILL');
    await eventually('its end is told', async () => example.stderr.includes('worker-2 has ended: SIGKILL\n'));
    for (const n of [1, 2, 3, 4]) {
      expect((await invite(example, 'carol-token', STUDIO, `@late${n}:localhost`)).status).toBe(200);
    }
    await example.hasPrinted(/^worker-5 is process \d+$/m);
    const seen = await inBash(
      `for n in 1 2 3 4 5; do curl -sS -o /dev/null -D - '${example.url}/health' | grep -i x-worker; done`,
    );
    expect(seen).toContain('worker-5');
  });
});

describe('its end', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('after %s leaves nothing', async (signal) => {
    const example = await start({ WORKERS: '2' });
    const folder = await dataFolderOf(example);
    expect(existsSync(folder)).toBe(true);
    expect((await invite(example, 'carol-token', STUDIO, '@frank:localhost')).status).toBe(200);
    await silentConnection(example.url);
    expect(await example.stop(signal)).toBe(0);
    expect(example.stderr).toBe('');
    expect([...processesOf(example).keys()]).toEqual(['PostgreSQL', 'Redis', 'worker-1', 'worker-2']);
    expect([...processesOf(example).values()].filter(isRunning)).toEqual([]);
    expect(existsSync(dirname(folder))).toBe(false);
  });

  it('comes at once with a second signal', async () => {
    const example = await start({ WORKERS: '2' });
    const folder = await dataFolderOf(example);
    // One that hangs keeps the others waiting.
    process.kill(processesOf(example).get('worker-1') ?? 0, 'SIGSTOP');
    example.process.kill('SIGTERM');
    // Signals in quick succession are taken for one.
    await delay(1_200);
    expect(await example.stop('SIGTERM')).toBe(1);
    await areGone([...processesOf(example).values()]);
    expect(existsSync(dirname(folder))).toBe(false);
  });
});

describe('servers of the environment', () => {
  let postgres: PostgresServer;
  let redis: RedisServer;
  let own: { readonly DATABASE_URL: string; readonly REDIS_URL: string };

  beforeAll(async () => {
    postgres = await PostgresServer.start();
    redis = await RedisServer.start();
    own = {
      DATABASE_URL: `postgres://postgres@127.0.0.1:${postgres.port}/postgres`,
      REDIS_URL: `redis://127.0.0.1:${redis.port}`,
    };
  });
  afterAll(async () => {
    await postgres?.close();
    await redis?.close();
  });

  it('are used, and left running with what is in them', async () => {
    const first = await start({ ...own, WORKERS: '1' });
    expect([...processesOf(first).keys()]).toEqual(['worker-1']);
    expect((await invite(first, 'carol-token', STUDIO, '@frank:localhost')).status).toBe(200);
    expect((await invite(first, 'dave-token', GARDEN, '@frank:localhost')).status).toBe(200);
    expect((await redis.ttls()).has('matrix-invite:inviter:@dave:localhost')).toBe(true);
    expect(await first.stop('SIGTERM')).toBe(0);

    const second = await start({ ...own, WORKERS: '1' });
    expect((await invite(second, 'carol-token', STUDIO, '@frank:localhost')).status).toBe(200);
    expect(await eventsAbout(second, STUDIO, '@frank:localhost')).toBe(1);
  });

  it('are not left before everything that was begun is stored, and answered', async () => {
    const example = await start({ ...own, WORKERS: '2' });
    const database = postgres.pool();
    const holder = await database.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM matrix_rooms WHERE room_id = $1 FOR UPDATE', [STUDIO]);
    const answer = invite(example, 'carol-token', STUDIO, '@late:localhost');
    await eventually('the invite waits for the lock', async () => {
      const { rows } = await database.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
      return rows.length === 1;
    });
    const ended = example.stop('SIGTERM');
    await eventually('nobody else is let in', () =>
      fetch(`${example.url}/health`).then(
        () => false,
        () => true,
      ),
    );
    await holder.query('COMMIT');
    holder.release();
    expect((await answer).status).toBe(200);
    expect(await ended).toBe(0);
    const { rows } = await database.query('SELECT 1 FROM matrix_events WHERE state_key = $1', [
      '@late:localhost',
    ]);
    expect(rows).toHaveLength(1);
  });

  it.each(['DATABASE_URL', 'REDIS_URL'] as const)('that cannot be reached are told: %s', async (variable) => {
    const port = await freePort();
    const url =
      variable === 'REDIS_URL' ? `redis://127.0.0.1:${port}` : `postgres://user:secret@127.0.0.1:${port}/`;
    const example = new Example('cluster', { ...own, [variable]: url });
    expect(await example.ended).toBe(1);
    expect(example.stderr).toMatch(
      new RegExp(`^The server of ${variable} cannot be used: .*ECONNREFUSED.*\n$`),
    );
    expect(example.stderr).not.toContain('secret');
    expect(example.stdout).toBe('');
  });
});

describe('what it cannot start with', () => {
  it('is a PATH without Redis: it names the package', async () => {
    const PATH = dirname(await newDatabasePath());
    const example = new Example('cluster', { PATH });
    expect(await example.ended).toBe(1);
    expect(example.stderr).toBe(
      'Redis is not installed: set REDIS_URL to one that runs, or install it: ' +
        'sudo apt-get update && sudo apt-get install -y redis-server\n',
    );
    expect(example.stdout).toBe('');
  });

  it('is a machine without PostgreSQL: it names the package', async () => {
    const folder = dirname(await newDatabasePath());
    await mkdir(join(folder, '15', 'bin'), { recursive: true });
    vi.stubEnv('PATH', folder);
    try {
      await expect(findPostgres(folder)).rejects.toThrow(
        'PostgreSQL is not installed: set DATABASE_URL to one that runs, or install it: ' +
          'sudo apt-get update && sudo apt-get install -y postgresql',
      );
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it.each([
    ['a port that is taken', async () => ({ PORT: `${await takenPort()}` }), /^Port \d+ is taken: .*\n$/],
    [
      'a number of processes that is none',
      async () => ({ WORKERS: '0' }),
      'WORKERS must be a whole number from 1 to 99, not "0"\n',
    ],
  ])('is %s: it says so in one line', async (_, environment, message) => {
    const example = new Example('cluster', await environment());
    expect(await example.ended).toBe(1);
    expect(example.stderr).toMatch(message);
    expect(example.stdout).toBe('');
  });
});
