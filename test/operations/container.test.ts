import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import { installedCommand } from '../../servers/debian-package.ts';
import { eventually } from '../../servers/eventually.ts';
import { freePort } from '../../servers/free-port.ts';
import { PostgresServer } from '../../servers/postgres-server.ts';
import { RedisServer } from '../../servers/redis-server.ts';
import { FOLDER, read } from './files.ts';
import { CleanUps, newFolder, Program } from './program.ts';

const run = promisify(execFile);

type Instruction = { readonly name: string; readonly value: string };

/** The instructions of each stage of the Dockerfile, without comments and with continued lines joined. */
const stages: Instruction[][] = [];
for (const line of read('Dockerfile')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')) {
  const [, name = '', value = ''] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
  if (name === 'FROM') stages.push([]);
  if (name !== '') stages.at(-1)?.push({ name, value });
}
const [build = [], final = []] = stages;

const valuesOf = (stage: readonly Instruction[], name: string) =>
  stage.filter((each) => each.name === name).map(({ value }) => value);

const commandOf = (value: string): string[] => JSON.parse(value.slice(value.indexOf('[')));

const compose = parse(read('compose.yaml'), { merge: true });

describe('the Dockerfile', () => {
  it('has two stages on the same image, and does not run as root', () => {
    expect(stages).toHaveLength(2);
    const images = stages.map((stage) => valuesOf(stage, 'FROM')[0]?.split(' ')[0]);
    expect(new Set(images).size).toBe(1);
    expect(valuesOf(final, 'USER')).toEqual(['node']);
    const order = final.map(({ name }) => name);
    expect(order.indexOf('USER')).toBeLessThan(order.indexOf('CMD'));
  });
});

describe('the commands of the Dockerfile, in a copy of its files', () => {
  const cleanUps = new CleanUps();
  let folder: string;
  let image: string;
  let environment: NodeJS.ProcessEnv;

  /** Runs the command of the image, or another one, in a folder with what the final stage copies. */
  const start = (command: readonly string[], variables: NodeJS.ProcessEnv = {}): Program => {
    const [program = '', ...parameters] = command;
    return cleanUps.add(
      new Program(program === 'node' ? process.execPath : program, parameters, {
        cwd: image,
        env: { ...environment, ...variables },
      }),
    );
  };

  beforeAll(async () => {
    folder = cleanUps.add(await newFolder()).path;
    const app = join(folder, 'app');
    await mkdir(app);
    const commands: string[] = [];
    for (const { name, value } of build) {
      if (name === 'COPY') {
        for (const file of value.split(' ').slice(0, -1)) await copyFile(FOLDER + file, join(app, file));
      }
      if (name === 'RUN') commands.push(value);
    }
    // The package as it would be published.
    const tarball = `dependencies.express-matrix-invite=file:${inject('packed').tarball}`;
    await run('npm', ['pkg', 'set', tarball], { cwd: app });
    for (const command of commands)
      await run('sh', ['-c', command], { cwd: app, env: { ...process.env, NODE_ENV: '' } });
    image = join(folder, 'image');
    await mkdir(image);
    for (const value of valuesOf(final, 'COPY')) {
      const [from = '', to = ''] = value.replace('--from=build /app/', '').split(' ');
      await cp(join(app, from), join(image, to === './' ? from : to), { recursive: true });
    }

    const database = cleanUps.add(await PostgresServer.start());
    const redis = cleanUps.add(
      await RedisServer.start(commandOf(JSON.stringify(compose.services.redis.command)).slice(1)),
    );
    const { host, port, user, database: name } = database.connection;
    environment = {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      ...compose.services.app.environment,
      DATABASE_URL: `postgres://${user}@${host}:${port}/${name}`,
      REDIS_URL: redis.url,
      HOST: '127.0.0.1',
      PORT: String(await freePort()),
      METRICS_PORT: String(await freePort()),
      DRAIN_MS: '300',
    };
    await run('chmod', ['-R', 'a+rX', folder]);
  });

  afterAll(() => cleanUps.run());

  it('leave out the sources and the development dependencies', async () => {
    expect((await readdir(image)).sort()).toEqual(['dist', 'node_modules', 'package.json']);
    expect((await readdir(join(image, 'dist'))).sort()).toEqual(['main.js', 'migrate.js']);
    const installed = await readdir(join(image, 'node_modules'));
    expect(installed).toEqual(expect.arrayContaining(['express', 'express-matrix-invite', 'ioredis', 'pg']));
    expect(installed).not.toContain('typescript');
  });

  it('migrate, more than once', async () => {
    for (let count = 0; count < 2; count += 1) {
      const migration = start(compose.services.migrate.command);
      expect([await migration.ended, migration.output]).toEqual([
        0,
        expect.stringContaining('!lobby:localhost'),
      ]);
    }
  });

  it('serve invites, pass the health check, and end gracefully at SIGTERM', async () => {
    const [health = ''] = valuesOf(final, 'HEALTHCHECK');
    const check = () =>
      start(commandOf(health).map((each) => each.replace(':8008', `:${environment.PORT}`))).ended;
    expect(await check()).toBe(1);
    const program = start(commandOf(valuesOf(final, 'CMD')[0] ?? ''));
    await eventually('the process is healthy', async () => (await check()) === 0);

    // The command in compose.yaml.
    const [, command = ''] = /^#\s+(curl .+)$/m.exec(read('compose.yaml')) ?? [];
    const curl = await installedCommand('curl');
    const pasted = command
      .replace('curl ', `${curl} -sS `)
      .replace('localhost:8008', `127.0.0.1:${environment.PORT}`);
    const { stdout } = await run('bash', ['-c', pasted], { env: { ...process.env, no_proxy: '*' } });
    expect(stdout).toBe('{}');
    const metrics = await fetch(`http://127.0.0.1:${environment.METRICS_PORT}/metrics`);
    expect(await metrics.text()).toMatch(/^matrix_invite_requests_total\{.*outcome="invited".*\} 1$/m);

    const ended = program.stop('SIGTERM');
    await eventually('the health check fails while it drains', async () => (await check()) === 1);
    expect(await ended).toBe(0);
  });
});

describe('compose.yaml', () => {
  it('is accepted by docker-compose', async () => {
    const folder = await newFolder();
    for (const name of ['compose.yaml', 'Dockerfile']) await copyFile(FOLDER + name, join(folder.path, name));
    const binary = await installedCommand('docker-compose');
    const child = spawn(binary, ['-f', 'compose.yaml', 'config', '-q'], { cwd: folder.path });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
    const [code] = await once(child, 'close');
    await folder.close();
    expect([code, output]).toEqual([0, '']);
  });

  it('starts each service once the ones that it needs are ready', () => {
    const { postgres, redis, migrate, app } = compose.services;
    for (const { healthcheck } of [postgres, redis]) expect(healthcheck.test[0]).toBe('CMD');
    expect(migrate.depends_on).toEqual({ postgres: { condition: 'service_healthy' } });
    expect(app.depends_on).toEqual({
      migrate: { condition: 'service_completed_successfully' },
      redis: { condition: 'service_healthy' },
    });
  });

  it('waits longer than a shutdown takes, and publishes ports on this machine only', () => {
    const { stop_grace_period, ports } = compose.services.app;
    expect(Number.parseInt(stop_grace_period, 10)).toBeGreaterThan(5 + 5 + 1);
    expect(ports.filter((each: string) => !each.startsWith('127.0.0.1:'))).toEqual([]);
  });
});
