import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fileSystemOf } from './disk.ts';
import type { Testbed } from './testbed.ts';

const run = promisify(execFile);

/** If other processes use more of the CPU than this, the results are affected. */
const QUIET_FRACTION = 0.05;
const OBSERVATION_MS = 3_000;

/** How busy the machine was before the benchmark began. `busy` is the fraction of the CPU in use, from 0 to 1. */
export type Quietness = { readonly load: number; readonly busy: number; readonly isQuiet: boolean };

/** Observes the machine for a few seconds while the benchmark does nothing. */
export async function quietness(): Promise<Quietness> {
  const load = loadavg()[0] ?? 0;
  const before = busyAndIdle();
  await delay(OBSERVATION_MS);
  const after = busyAndIdle();
  const busyTime = after.busy - before.busy;
  const busy = busyTime / (busyTime + after.idle - before.idle);
  return { load, busy, isQuiet: busy < QUIET_FRACTION };
}

/** Describes the hardware and software that was measured, in Markdown. */
export async function describeMachine(testbed: Testbed, before: Quietness): Promise<string> {
  const [first] = cpus();
  const versions = [
    `Node ${process.versions.node}`,
    `Express ${await versionOf('express')} and ${await versionOf('express4')}`,
    `@photostructure/sqlite ${await versionOf('@photostructure/sqlite')}`,
    ...(await postgresVersion(testbed)),
    ...(await redisVersion(testbed)),
    await wrkVersion(),
  ];
  return [
    `${first?.model.trim() ?? 'unknown CPU'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${await osName()}`,
    `(Linux ${release()}), data on ${await fileSystemOf(tmpdir())}. ${versions.join(', ')}.`,
    describeState(before),
  ].join('\n');
}

/** Describes the date and whether other processes used the machine, in Markdown. */
export function describeState({ load, busy, isQuiet }: Quietness): string {
  const state = isQuiet
    ? 'The machine was quiet before the run'
    : '**Other processes were using the machine, so treat these numbers as a trial run**';
  const date = new Date().toISOString().slice(0, 10);
  return `${date}. ${state}: load average ${load.toFixed(2)}, ${(busy * 100).toFixed(0)} % of the CPU in use.`;
}

function busyAndIdle(): { busy: number; idle: number } {
  const all = cpus().map(({ times }) => times);
  return {
    busy: all.reduce((sum, { user, nice, sys, irq }) => sum + user + nice + sys + irq, 0),
    idle: all.reduce((sum, { idle }) => sum + idle, 0),
  };
}

async function osName(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^PRETTY_NAME="(.*?)(?: \(.*\))?"$/m.exec(text)?.[1] ?? 'Linux';
}

async function versionOf(packageName: string): Promise<string> {
  const path = fileURLToPath(new URL(`../../node_modules/${packageName}/package.json`, import.meta.url));
  return (JSON.parse(await readFile(path, 'utf8')) as { version: string }).version;
}

async function postgresVersion({ pool }: Testbed): Promise<string[]> {
  if (pool === undefined) return [];
  const { rows } = await pool.query(
    `SELECT split_part(current_setting('server_version'), ' ', 1) AS version, current_setting('fsync') AS fsync,
       current_setting('synchronous_commit') AS commit`,
  );
  const { version, fsync, commit } = rows[0] as { version: string; fsync: string; commit: string };
  return [
    `PostgreSQL ${version} (fsync ${fsync}, synchronous_commit ${commit}) with pg ${await versionOf('pg')}`,
  ];
}

async function redisVersion({ redis }: Testbed): Promise<string[]> {
  if (redis === undefined) return [];
  const info = await redis.admin((client) => client.info('server'));
  const version = /^redis_version:(\S+)/m.exec(info)?.[1];
  return [`Redis ${version} with ioredis ${await versionOf('ioredis')}`];
}

/** `wrk --version` prints the version and then fails. */
async function wrkVersion(): Promise<string> {
  const { stdout } = await run('wrk', ['--version']).catch((error: { stdout: string }) => error);
  return `wrk ${/^wrk (?:debian\/)?([\d.]+)/.exec(stdout)?.[1] ?? ''}`.trim();
}
