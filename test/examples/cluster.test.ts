import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  dataFolderOf,
  eventsAbout,
  GARDEN,
  INVITED,
  invite,
  isRunning,
  LIMITED,
  metric,
  NO_LOGIN,
  outputOf,
  printed,
  processesOf,
  STUDIO,
  start,
  timelineOf,
  tokenOf,
  UNKNOWN_TOKEN,
  until,
} from './cluster.ts';
import { inBash, silentConnection } from './example.ts';

describe('the cluster', () => {
  it('responds to the printed commands as it says', async () => {
    const example = await start();
    const lines = printed(example);
    expect(lines).toHaveLength(7);
    for (const { command, expected } of lines) {
      // The workers take turns in any order, and metrics count a request after its response.
      if (/x-worker|metrics/.test(command)) {
        await until(async () => `${(await outputOf(command)).sort()}` === `${expected}`);
      } else {
        expect(await outputOf(command)).toEqual(expected);
      }
    }
    expect(example.stderr).toBe('');
  });

  it('behaves like a single server: one event from 200 racing requests, one rate limit, one login', async () => {
    const example = await start();
    const [carol, dave] = [tokenOf(example, 'carol'), tokenOf(example, 'dave')];
    const racing = await Promise.all(
      Array.from({ length: 200 }, () => invite(example, carol, STUDIO, '@frank:localhost')),
    );
    expect(new Set(racing.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(racing.map(({ worker }) => worker)).size).toBe(4);
    expect(await eventsAbout(example, STUDIO, '@frank:localhost')).toBe(1);

    const limited = await Promise.all(
      Array.from({ length: 40 }, (_, n) => invite(example, dave, GARDEN, `@guest${n}:localhost`)),
    );
    const countOf = (status: number) => limited.filter((response) => response.status === status).length;
    expect([countOf(200), countOf(429)]).toEqual([3, 37]);
    expect(new Set(limited.map(({ worker }) => worker)).size).toBe(4);

    expect((await timelineOf(example, carol, STUDIO)).status).toBe(200);
    expect((await timelineOf(example, 'nobody', STUDIO)).status).toBe(401);
    expect((await timelineOf(example, tokenOf(example, 'alice'), STUDIO)).status).toBe(404);
    expect((await timelineOf(example, carol, '!none:localhost')).status).toBe(404);
    expect((await fetch(`${example.url}/rooms/${STUDIO}/timeline`)).status).toBe(401);
    expect((await fetch(`${example.url}/health`)).status).toBe(200);
    const noEndpoint = await fetch(`${example.url}/_matrix/client/v3/sync`);
    expect([noEndpoint.status, await noEndpoint.json()]).toMatchObject([404, { errcode: 'M_UNRECOGNIZED' }]);
  });

  it('adds up the metrics of all workers', async () => {
    const example = await start();
    const [carol, dave] = [tokenOf(example, 'carol'), tokenOf(example, 'dave')];
    await until(async () => (await metric(example, INVITED)) === 0);
    const responses = await Promise.all([
      ...Array.from({ length: 40 }, (_, n) => invite(example, carol, STUDIO, `@guest${n}:localhost`)),
      ...Array.from({ length: 20 }, (_, n) => invite(example, dave, GARDEN, `@guest${n}:localhost`)),
      ...Array.from({ length: 8 }, (_, n) => invite(example, `nobody${n}`, STUDIO, '@guest0:localhost')),
    ]);
    expect(new Set(responses.map(({ worker }) => worker)).size).toBe(4);
    await until(async () => (await metric(example, UNKNOWN_TOKEN)) === 8);
    await until(async () => (await metric(example, LIMITED)) === 17);
    await until(async () => (await metric(example, INVITED)) === 43);

    const pid = processesOf(example).get('worker-1') ?? 0;
    process.kill(pid, 'SIGSTOP');
    await expect(metric(example, INVITED)).rejects.toThrow('The metrics returned a 503');
    process.kill(pid, 'SIGCONT');
    await until(async () => (await metric(example, INVITED)) === 43);
  });

  it('keeps working when a worker is killed, and replaces it', async () => {
    const example = await start();
    const carol = tokenOf(example, 'carol');
    process.kill(processesOf(example).get('worker-2') ?? 0, 'SIGKILL');
    await until(() => example.stderr.includes('worker-2 exited: SIGKILL\n'));
    for (const n of [1, 2, 3, 4]) {
      expect((await invite(example, carol, STUDIO, `@late${n}:localhost`)).status).toBe(200);
    }
    await example.hasPrinted(/^worker-5 has PID \d+$/m);
    const seen = await inBash(
      `for n in 1 2 3 4 5; do curl -sS -o /dev/null -D - '${example.url}/health' | grep -i x-worker; done`,
    );
    expect(seen).toContain('worker-5');
    await until(async () => (await metric(example, INVITED)) === 4);
  });
});

describe('logins', () => {
  it('are those of the OAuth provider', async () => {
    const example = await start({ WORKERS: '2' });
    expect((await invite(example, tokenOf(example, 'alice'), GARDEN, '@frank:localhost')).status).toBe(200);
    expect(await invite(example, 'alice-token', GARDEN, '@erin:localhost')).toMatchObject({
      status: 401,
      errcode: 'M_UNKNOWN_TOKEN',
    });
  });

  it('never fail with a 401 while the provider hangs or is down', async () => {
    // The test waits for the provider's time limit: 12 s.
    const example = await start({ WORKERS: '2', PATIENCE: '4' });
    const pid = processesOf(example).get('oidc-provider') ?? 0;
    const alice = tokenOf(example, 'alice');
    const outage = { status: 503, errcode: 'M_UNKNOWN' };

    process.kill(pid, 'SIGSTOP');
    const responses = await Promise.all([
      invite(example, alice, GARDEN, '@frank:localhost'),
      invite(example, 'nobody', GARDEN, '@frank:localhost'),
      timelineOf(example, alice, GARDEN),
    ]);
    expect(responses).toMatchObject([outage, outage, { status: 503 }]);
    process.kill(pid, 'SIGCONT');
    await until(async () => (await invite(example, alice, GARDEN, '@frank:localhost')).status === 200);
    await until(async () => (await invite(example, 'nobody', GARDEN, '@frank:localhost')).status === 401);

    process.kill(pid, 'SIGKILL');
    await until(() => example.stderr.includes('oidc-provider exited'));
    expect(await invite(example, 'somebody', GARDEN, '@frank:localhost')).toMatchObject(outage);
    expect(await invite(example, tokenOf(example, 'dave'), GARDEN, '@erin:localhost')).toMatchObject(outage);
    await until(async () => (await metric(example, NO_LOGIN)) >= 4);
    expect(example.stderr).not.toContain(alice);
  });
});

describe('shutdown', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('after %s leaves nothing behind', async (signal) => {
    const example = await start({ WORKERS: '2' });
    const folder = await dataFolderOf(example);
    expect(existsSync(folder)).toBe(true);
    expect((await invite(example, tokenOf(example, 'carol'), STUDIO, '@frank:localhost')).status).toBe(200);
    await silentConnection(example.url);
    expect(await example.stop(signal)).toBe(0);
    expect(example.stderr).toBe('');
    expect([...processesOf(example).keys()]).toEqual([
      'PostgreSQL',
      'Redis',
      'oidc-provider',
      'worker-1',
      'worker-2',
    ]);
    expect([...processesOf(example).values()].filter(isRunning)).toEqual([]);
    expect(existsSync(dirname(folder))).toBe(false);
  });

  it('is immediate at a second signal', async () => {
    const example = await start({ WORKERS: '2' });
    const folder = await dataFolderOf(example);
    // A worker that hangs delays the shutdown.
    process.kill(processesOf(example).get('worker-1') ?? 0, 'SIGSTOP');
    // Signals in quick succession count as one. Eventually one comes late enough to count as the second.
    const repeated = setInterval(() => example.process.kill('SIGTERM'), 300);
    expect(await example.ended.finally(() => clearInterval(repeated))).toBe(1);
    await until(() => ![...processesOf(example).values()].some(isRunning));
    expect(existsSync(dirname(folder))).toBe(false);
  });
});
