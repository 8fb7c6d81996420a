import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startOAuth } from '../../examples/cluster/surroundings/oauth.ts';
import { findPostgres } from '../../examples/cluster/surroundings/programs.ts';
import { TestPostgres } from '../../servers/test-postgres.ts';
import { TestRedis } from '../../servers/test-redis.ts';
import {
  eventsAbout,
  GARDEN,
  invite,
  outputOf,
  PATIENT,
  printed,
  processesOf,
  STUDIO,
  start,
  until,
} from './cluster.ts';
import { Example, freePort, newDatabasePath, takenPort } from './example.ts';

describe('servers of the environment', () => {
  let postgres: TestPostgres;
  let redis: TestRedis;
  let provider: Awaited<ReturnType<typeof startOAuth>>;
  let own: Readonly<Record<'DATABASE_URL' | 'REDIS_URL' | `OAUTH_${string}`, string>>;

  beforeAll(async () => {
    postgres = await TestPostgres.open();
    redis = await TestRedis.open();
    provider = await startOAuth(['--import', 'tsx']);
    own = {
      DATABASE_URL: postgres.url,
      REDIS_URL: redis.url,
      OAUTH_ISSUER: provider.oauth.issuer,
      OAUTH_CLIENT_ID: provider.oauth.clientId,
      OAUTH_CLIENT_SECRET: provider.oauth.clientSecret,
    };
  });
  afterAll(async () => {
    await postgres?.close();
    await redis?.close();
    await provider?.server.close();
  });

  it('are used, and keep running with their data', async () => {
    const { carol, dave } = provider.tokens;
    const first = await start({ ...own, WORKERS: '1' });
    expect([...processesOf(first).keys()]).toEqual(['worker-1']);
    expect((await invite(first, carol, STUDIO, '@frank:localhost')).status).toBe(200);
    expect((await invite(first, dave, GARDEN, '@frank:localhost')).status).toBe(200);
    for (const name of ['alice', 'carol', 'dave'] as const) {
      vi.stubEnv(`${name.toUpperCase()}_TOKEN`, provider.tokens[name]);
    }
    const [toLobby, , , , , , log] = printed(first);
    expect(await outputOf(toLobby?.command ?? '')).toEqual(['{} 200']);
    expect(log?.command).toContain('$CAROL_TOKEN');
    vi.unstubAllEnvs();
    expect((await redis.ttls()).has('matrix-invite:inviter:@dave:localhost')).toBe(true);
    expect(await first.stop('SIGTERM')).toBe(0);

    const second = await start({ ...own, WORKERS: '1' });
    expect((await invite(second, carol, STUDIO, '@frank:localhost')).status).toBe(200);
    expect(await eventsAbout(second, STUDIO, '@frank:localhost', carol)).toBe(1);
  });

  it('stay in use until every invite that has started is stored and gets its response', async () => {
    const example = await start({ ...own, WORKERS: '2' });
    const database = postgres.pool();
    const holder = await database.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM matrix_rooms WHERE room_id = $1 FOR UPDATE', [STUDIO]);
    const response = invite(example, provider.tokens.carol, STUDIO, '@late:localhost');
    await until(async () => {
      const { rows } = await database.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return rows.length === 1;
    });
    const ended = example.stop('SIGTERM');
    await until(() => refusesConnections(example.url));
    await holder.query('COMMIT');
    holder.release();
    expect((await response).status).toBe(200);
    expect(await ended).toBe(0);
    const { rows } = await database.query('SELECT 1 FROM matrix_events WHERE state_key = $1', [
      '@late:localhost',
    ]);
    expect(rows).toHaveLength(1);
  });

  it.each([
    ['DATABASE_URL', (port: number) => `postgres://user:secret@127.0.0.1:${port}/`],
    ['REDIS_URL', (port: number) => `redis://127.0.0.1:${port}`],
    ['OAUTH_ISSUER', (port: number) => `http://127.0.0.1:${port}`],
  ])('are reported if they cannot be reached: %s', async (variable, urlOf) => {
    const example = new Example('cluster', { ...PATIENT, ...own, [variable]: urlOf(await freePort()) });
    expect(await example.ended).toBe(1);
    expect(example.stderr).toMatch(
      new RegExp(`^The server of ${variable} cannot be used: .*ECONNREFUSED.*\n$`),
    );
    expect(example.stderr).not.toContain('secret');
    expect(example.stdout).toBe('');
  });

  it.each([
    [
      'an http: issuer on another machine',
      { OAUTH_ISSUER: 'http://account.example.org' },
      /must be an https: URL/,
    ],
    ['an issuer that is not a URL', { OAUTH_ISSUER: 'account' }, 'OAUTH_ISSUER must be a URL\n'],
    ['a wrong client secret', { OAUTH_CLIENT_SECRET: 'not-this' }, /^The server of OAUTH_ISSUER .*401.*\n$/],
    ['half a provider', { OAUTH_CLIENT_ID: '' }, /^Set all of OAUTH_ISSUER, .*, or none of them\n$/],
  ])('are reported if they cannot be used: %s', async (_, wrong, message) => {
    const example = new Example('cluster', { ...PATIENT, ...own, ...wrong });
    expect(await example.ended).toBe(1);
    expect(example.stderr).toMatch(message);
    expect(example.stderr).not.toContain('not-this');
    expect(example.stdout).toBe('');
  });
});

describe('a start that fails', () => {
  it('names the package of a Redis that is not installed', async () => {
    const PATH = dirname(await newDatabasePath());
    const example = new Example('cluster', { ...PATIENT, PATH });
    expect(await example.ended).toBe(1);
    expect(example.stderr).toBe(
      'Redis is not installed. Set REDIS_URL to a running server, or install it: ' +
        'sudo apt-get update && sudo apt-get install -y redis-server\n',
    );
    expect(example.stdout).toBe('');
  });

  it('names the package of a PostgreSQL that is not installed', async () => {
    const folder = dirname(await newDatabasePath());
    await mkdir(join(folder, '15', 'bin'), { recursive: true });
    vi.stubEnv('PATH', folder);
    try {
      await expect(findPostgres(folder)).rejects.toThrow(
        'PostgreSQL is not installed. Set DATABASE_URL to a running server, or install it: ' +
          'sudo apt-get update && sudo apt-get install -y postgresql',
      );
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it.each([
    [
      'a port in use',
      async () => ({ PORT: `${await takenPort()}` }),
      /^PORT \d+ cannot be used: .*EADDRINUSE.*\n$/,
    ],
    [
      'a metrics port in use',
      async () => ({ METRICS_PORT: `${await takenPort()}` }),
      /^METRICS_PORT \d+ cannot be used: .*EADDRINUSE.*\n$/,
    ],
    [
      'an invalid number of workers',
      async () => ({ WORKERS: '0' }),
      'WORKERS must be an integer from 1 to 99, not "0"\n',
    ],
  ])('prints one line about %s', async (_, environment, message) => {
    const example = new Example('cluster', { ...PATIENT, ...(await environment()) });
    expect(await example.ended).toBe(1);
    expect(example.stderr).toMatch(message);
    expect(example.stdout).toBe('');
  });
});

/** Sends no request: a connection gets no response if the primary accepts it for a worker that then closes. */
function refusesConnections(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.once('error', () => resolve(true));
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
  });
}
