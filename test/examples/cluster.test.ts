import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  answered,
  dataFolderOf,
  eventsAbout,
  GARDEN,
  INVITED,
  invite,
  isRunning,
  LIMITED,
  metric,
  NO_LOGIN,
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
  it('answers what it prints as it says', async () => {
    const example = await start();
    const lines = printed(example);
    expect(lines).toHaveLength(7);
    for (const { command, answers } of lines) {
      // The processes take turns in any order; metrics count a request when it has been answered.
      if (/x-worker|metrics/.test(command)) {
        await until(async () => `${(await answered(command)).sort()}` === `${answers}`);
      } else {
        expect(await answered(command)).toEqual(answers);
      }
    }
    expect(example.stderr).toBe('');
  });

  it('is as one server: one event of 200 racing requests, one limit, one login', async () => {
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
    const answeredBy = (status: number) => limited.filter((answer) => answer.status === status).length;
    expect([answeredBy(200), answeredBy(429)]).toEqual([3, 37]);
    expect(new Set(limited.map(({ worker }) => worker)).size).toBe(4);

    expect((await timelineOf(example, carol, STUDIO)).status).toBe(200);
    expect((await timelineOf(example, 'nobody', STUDIO)).status).toBe(401);
    expect((await timelineOf(example, tokenOf(example, 'alice'), STUDIO)).status).toBe(404);
    expect((await timelineOf(example, carol, '!none:localhost')).status).toBe(404);
    expect((await fetch(`${example.url}/rooms/${STUDIO}/timeline`)).status).toBe(401);
    expect((await fetch(`${example.url}/health`)).status).toBe(200);
  });

  it('counts what all processes together have answered', async () => {
    const example = await start();
    const [carol, dave] = [tokenOf(example, 'carol'), tokenOf(example, 'dave')];
    await until(async () => (await metric(example, INVITED)) === 0);
    const answers = await Promise.all([
      ...Array.from({ length: 40 }, (_, n) => invite(example, carol, STUDIO, `@guest${n}:localhost`)),
      ...Array.from({ length: 20 }, (_, n) => invite(example, dave, GARDEN, `@guest${n}:localhost`)),
      ...Array.from({ length: 8 }, (_, n) => invite(example, `nobody${n}`, STUDIO, '@guest0:localhost')),
    ]);
    expect(new Set(answers.map(({ worker }) => worker)).size).toBe(4);
    await until(async () => (await metric(example, UNKNOWN_TOKEN)) === 8);
    await until(async () => (await metric(example, LIMITED)) === 17);
    await until(async () => (await metric(example, INVITED)) === 43);

    const pid = processesOf(example).get('worker-1') ?? 0;
    process.kill(pid, 'SIGSTOP');
    await expect(metric(example, INVITED)).rejects.toThrow('metrics were answered 503');
    process.kill(pid, 'SIGCONT');
    await until(async () => (await metric(example, INVITED)) === 43);
  });

  it('goes on when a process is killed, and replaces it', async () => {
    const example = await start();
    const carol = tokenOf(example, 'carol');
    process.kill(processesOf(example).get('worker-2') ?? 0, 'SIGKILL');
    await until(() => example.stderr.includes('worker-2 has ended: SIGKILL\n'));
    for (const n of [1, 2, 3, 4]) {
      expect((await invite(example, carol, STUDIO, `@late${n}:localhost`)).status).toBe(200);
    }
    await example.hasPrinted(/^worker-5 is process \d+$/m);
    const seen = await inBash(
      `for n in 1 2 3 4 5; do curl -sS -o /dev/null -D - '${example.url}/health' | grep -i x-worker; done`,
    );
    expect(seen).toContain('worker-5');
    await until(async () => (await metric(example, INVITED)) === 4);
  });
});

describe('its logins', () => {
  it('are those of the OAuth provider', async () => {
    const example = await start({ WORKERS: '2' });
    expect((await invite(example, tokenOf(example, 'alice'), GARDEN, '@frank:localhost')).status).toBe(200);
    expect(await invite(example, 'alice-token', GARDEN, '@erin:localhost')).toMatchObject({
      status: 401,
      errcode: 'M_UNKNOWN_TOKEN',
    });
  });

  it('are no 401 as long as the provider hangs, or is gone', async () => {
    // The provider's time limit is waited for: 12 s.
    const example = await start({ WORKERS: '2', PATIENCE: '4' });
    const pid = processesOf(example).get('oidc-provider') ?? 0;
    const alice = tokenOf(example, 'alice');
    const outage = { status: 503, errcode: 'M_UNKNOWN' };

    process.kill(pid, 'SIGSTOP');
    const answers = await Promise.all([
      invite(example, alice, GARDEN, '@frank:localhost'),
      invite(example, 'nobody', GARDEN, '@frank:localhost'),
      timelineOf(example, alice, GARDEN),
    ]);
    expect(answers).toMatchObject([outage, outage, { status: 503 }]);
    process.kill(pid, 'SIGCONT');
    await until(async () => (await invite(example, alice, GARDEN, '@frank:localhost')).status === 200);
    await until(async () => (await invite(example, 'nobody', GARDEN, '@frank:localhost')).status === 401);

    process.kill(pid, 'SIGKILL');
    await until(() => example.stderr.includes('oidc-provider has ended'));
    expect(await invite(example, 'somebody', GARDEN, '@frank:localhost')).toMatchObject(outage);
    expect(await invite(example, tokenOf(example, 'dave'), GARDEN, '@erin:localhost')).toMatchObject(outage);
    await until(async () => (await metric(example, NO_LOGIN)) >= 4);
    expect(example.stderr).not.toContain(alice);
  });
});

describe('its end', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('after %s leaves nothing', async (signal) => {
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

  it('comes at once with a second signal', async () => {
    const example = await start({ WORKERS: '2' });
    const folder = await dataFolderOf(example);
    // One that hangs keeps the others waiting.
    process.kill(processesOf(example).get('worker-1') ?? 0, 'SIGSTOP');
    // Signals in quick succession are taken for one: sooner or later one comes late enough to be the second.
    const repeated = setInterval(() => example.process.kill('SIGTERM'), 300);
    expect(await example.ended.finally(() => clearInterval(repeated))).toBe(1);
    await until(() => ![...processesOf(example).values()].some(isRunning));
    expect(existsSync(dirname(folder))).toBe(false);
  });
});
