import { randomUUID } from 'node:crypto';
import type { LimitsConfig } from '../server/config.ts';
import { type Case, storesEvents, TRAFFIC } from './case.ts';
import { cpuTime } from './cpu-time.ts';
import { ServerProcess } from './server-process.ts';
import { makeStore, type Store } from './store.ts';
import type { Testbed } from './testbed.ts';
import { type Load, type LoadResult, wrk } from './wrk.ts';

/** One measurement of one case. Latencies are in microseconds, CPU times in microseconds per request. */
export type Sample = Pick<LoadResult, 'p50' | 'p99' | 'p999' | 'requests'> & {
  /** Requests per second. */
  readonly rate: number;
  readonly nodeCpu: number;
  readonly storeCpu: number;
  /** The fraction of the machine's CPU that all processes used, from 0 to 1. */
  readonly busy: number;
};

/** For each process. After this many, V8 has compiled all hot functions. */
const WARM_UP_REQUESTS = 4_000;

/** What to measure, and for how long. */
export type Measurement = {
  readonly testCase: Case;
  readonly seconds: number;
  /** The server to start. Default: that of the testbed. */
  readonly serverFile?: string;
};

/** Measures a case on a new store and a new server. */
export async function measure(testbed: Testbed, measurement: Measurement): Promise<Sample> {
  const store = await makeStore(testbed, measurement.testCase);
  try {
    return await measureOn(testbed, store, measurement);
  } finally {
    await store.remove();
  }
}

/** Measures a case on an existing store and a new server. */
export async function measureOn(
  testbed: Testbed,
  store: Store,
  { testCase, seconds, serverFile }: Measurement,
): Promise<Sample> {
  return withServer(testbed, { store, testCase, serverFile }, async (server) => {
    const before = await store.countEvents(server);
    const warmUps = await warmUp(server, testCase, seconds * 2);
    const cpuBefore = await cpuTime(testbed, server.pids);
    const result = await load(server, testCase, seconds);
    const cpu = await cpuTime(testbed, server.pids);
    checkResponses(testCase, result);
    if (testCase.app === 'invite')
      checkStored(testCase, (await store.countEvents(server)) - before, [...warmUps, result]);
    return {
      ...result,
      rate: (result.requests / result.micros) * 1_000_000,
      nodeCpu: (cpu.node - cpuBefore.node) / result.requests,
      storeCpu: usesStoreProcesses(testCase) ? (cpu.stores - cpuBefore.stores) / result.requests : 0,
      busy: (cpu.machine - cpuBefore.machine) / (cpu.available - cpuBefore.available),
    };
  });
}

/** A server to start. */
type ServerOptions = Pick<Measurement, 'testCase'> & {
  readonly store: Store;
  readonly serverFile?: string | undefined;
  /** Such as `--expose-gc`. */
  readonly nodeArguments?: readonly string[];
};

export async function withServer<T>(
  testbed: Testbed,
  { store, testCase, serverFile = testbed.serverFile, nodeArguments }: ServerOptions,
  work: (server: ServerProcess) => Promise<T>,
): Promise<T> {
  await testbed.redis?.admin((redis) => redis.flushall());
  const { app, processes } = testCase;
  const config = { app, processes, store: store.config, limits: limitsOf(testbed, testCase) };
  const server = await ServerProcess.start(serverFile, config, nodeArguments);
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

export function load(
  { port }: ServerProcess,
  { traffic, rooms, connections }: Case,
  seconds: number,
): Promise<LoadResult> {
  const userPrefix = traffic === 'invite' ? `${randomUUID().slice(0, 8)}-` : '';
  return wrk({ port, connections, seconds, rooms, userPrefix, ...TRAFFIC[traffic] } satisfies Load);
}

/** Applies load in steps of one second until every process has had enough requests or the time is up. */
export async function warmUp(
  server: ServerProcess,
  testCase: Case,
  maxSeconds: number,
): Promise<LoadResult[]> {
  const results: LoadResult[] = [];
  let requests = 0;
  while (results.length < maxSeconds && requests < WARM_UP_REQUESTS * testCase.processes) {
    const result = await load(server, testCase, 1);
    requests += result.requests;
    results.push(result);
  }
  return results;
}

/** @throws {Error} if a response was missing or had an unexpected status: then its time means nothing */
export function checkResponses(
  { traffic }: Case,
  { requests, wrong, wrongStatus, broken }: LoadResult,
): void {
  if (requests > 0 && wrong === 0 && broken === 0) return;
  throw new Error(
    `of ${requests} responses, ${wrong} had the status ${wrongStatus} instead of ${TRAFFIC[traffic].status}, ` +
      `and ${broken} never arrived`,
  );
}

/**
 * Checks that each invite with a 200 is stored once. At the end of a run, wrk drops its connections. The requests on
 * them may be stored as well.
 *
 * @throws {Error} if too few or too many events were stored
 */
export function checkStored(testCase: Case, stored: number, results: readonly LoadResult[]): void {
  const succeeded = results.reduce((sum, { requests, wrong }) => sum + requests - wrong, 0);
  const isStored = storesEvents(testCase);
  const min = isStored ? succeeded : 0;
  const max = isStored
    ? succeeded + results.length * testCase.connections
    : testCase.traffic === 'limited'
      ? 1
      : 0;
  if (stored >= min && stored <= max) return;
  throw new Error(`${succeeded} requests had the expected response, but ${stored} events were stored`);
}

function limitsOf({ redis }: Testbed, { limits }: Case): LimitsConfig {
  if (limits !== 'redis') return { kind: limits };
  if (redis === undefined) throw new Error('Redis was not started');
  return { kind: 'redis', port: redis.port };
}

function usesStoreProcesses({ store, limits }: Case): boolean {
  return store === 'postgres' || store === 'mysql' || limits === 'redis';
}
