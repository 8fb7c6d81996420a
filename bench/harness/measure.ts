import { randomUUID } from 'node:crypto';
import type { LimitsSetting } from '../server/setting.ts';
import { ANSWERS, type Case, isStored } from './case.ts';
import { cpuTime } from './cpu-time.ts';
import { ServerProcess } from './server-process.ts';
import { makeStore, type Store } from './store.ts';
import type { World } from './world.ts';
import { type Load, type LoadResult, wrk } from './wrk.ts';

/** One measurement of one case. Latencies are in microseconds, CPU in microseconds a request. */
export type Sample = Pick<LoadResult, 'p50' | 'p99' | 'p999' | 'requests'> & {
  /** Requests a second. */
  readonly rate: number;
  readonly nodeCpu: number;
  readonly storeCpu: number;
  /** The part of the machine's CPU that was in use, by whomever: 0 to 1. */
  readonly busy: number;
};

/** In a process, enough for V8 to have compiled what matters. */
const WARM_UP_REQUESTS = 4_000;

/** Measures a case on a store and a server of its own. */
export async function measure(world: World, it: Case, seconds: number): Promise<Sample> {
  const store = await makeStore(world, it);
  try {
    return await measureOn(world, store, it, seconds);
  } finally {
    await store.remove();
  }
}

/** Measures a case on a store that is there already. */
export async function measureOn(world: World, store: Store, it: Case, seconds: number): Promise<Sample> {
  return withServer(world, store, it, [], async (server) => {
    const before = await store.countEvents(server);
    const warmUps = await warmUp(server, it, seconds * 2);
    const cpuBefore = await cpuTime(world, server.pids);
    const result = await load(server, it, seconds);
    const cpu = await cpuTime(world, server.pids);
    check(it, result);
    if (it.app === 'invite')
      checkStored(it, (await store.countEvents(server)) - before, [...warmUps, result]);
    return {
      ...result,
      rate: (result.requests / result.micros) * 1_000_000,
      nodeCpu: (cpu.node - cpuBefore.node) / result.requests,
      storeCpu: hasStores(it) ? (cpu.stores - cpuBefore.stores) / result.requests : 0,
      busy: (cpu.machine - cpuBefore.machine) / (cpu.possible - cpuBefore.possible),
    };
  });
}

export async function withServer<T>(
  world: World,
  store: Store,
  it: Case,
  nodeArguments: readonly string[],
  work: (server: ServerProcess) => Promise<T>,
): Promise<T> {
  await world.redis?.admin((redis) => redis.flushall());
  const { app, processes } = it;
  const setting = { app, processes, store: store.setting, limits: limitsOf(world, it) };
  const server = await ServerProcess.start(world.serverFile, setting, nodeArguments);
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

export function load(
  { port }: ServerProcess,
  { ask, rooms, connections }: Case,
  seconds: number,
): Promise<LoadResult> {
  const userPrefix = ask === 'invite' ? `${randomUUID().slice(0, 8)}-` : '';
  return wrk({ port, connections, seconds, rooms, userPrefix, ...ANSWERS[ask] } satisfies Load);
}

/** Loads of a second, until every process has had enough requests or the time is over. */
export async function warmUp(server: ServerProcess, it: Case, mostSeconds: number): Promise<LoadResult[]> {
  const results: LoadResult[] = [];
  let requests = 0;
  while (results.length < mostSeconds && requests < WARM_UP_REQUESTS * it.processes) {
    const result = await load(server, it, 1);
    requests += result.requests;
    results.push(result);
  }
  return results;
}

/** @throws {Error} when an answer was not what it had to be: then its time says nothing */
export function check({ ask }: Case, { requests, wrong, wrongStatus, broken }: LoadResult): void {
  if (requests > 0 && wrong === 0 && broken === 0) return;
  throw new Error(
    `of ${requests} answers ${wrong} were not ${ANSWERS[ask].status} but ${wrongStatus}, ${broken} did not come`,
  );
}

/**
 * What was answered 200 is stored, once. At the end of a run wrk hangs up on what it waits for, which may be stored too.
 *
 * @throws {Error} when it is not so
 */
export function checkStored(it: Case, stored: number, results: readonly LoadResult[]): void {
  const answered = results.reduce((sum, { requests, wrong }) => sum + requests - wrong, 0);
  const least = isStored(it) ? answered : 0;
  const most = isStored(it) ? answered + results.length * it.connections : it.ask === 'limit' ? 1 : 0;
  if (stored >= least && stored <= most) return;
  throw new Error(`${answered} requests were answered as they had to be, and ${stored} events were stored`);
}

function limitsOf({ redis }: World, { limits }: Case): LimitsSetting {
  if (limits !== 'redis') return { kind: limits };
  if (redis === undefined) throw new Error('Redis was not started');
  return { kind: 'redis', port: redis.port };
}

/** Whether there are processes beside Node's that work for it. */
function hasStores({ store, limits }: Case): boolean {
  return store === 'postgres' || limits === 'redis';
}
