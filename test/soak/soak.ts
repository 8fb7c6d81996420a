import { RedisServer } from '../../servers/redis-server.ts';
import { check } from './check.ts';
import { FaultInjector } from './faults.ts';
import { RoundCounters, WORKER_LIMITS } from './limits.ts';
import { SeededRandom } from './random.ts';
import { type Report, Tally } from './report.ts';
import { Round } from './round.ts';
import { openMysql, openPostgres, openSqlite } from './store.ts';
import type { Sabotage, WorkerConfig } from './worker-config.ts';
import { WorkerProcess } from './worker-process.ts';
import type { Traffic } from './workload.ts';

/** Options of a run. */
export type SoakOptions = {
  readonly operations: number;
  /** With a database server, Redis counts the limits. With SQLite, each worker counts them in memory. */
  readonly storage: keyof typeof STORES;
  /** An even seed sets `onStoreError: 'memory'`, an odd one `'deny'`. */
  readonly seed: number;
  readonly faults: boolean;
  /** Default `mixed`. */
  readonly traffic?: Traffic;
  /** Default none. */
  readonly sabotage?: Sabotage;
  /** Ends the run early. Everything up to then is still checked. */
  readonly signal?: AbortSignal;
  /** Called after each round. Default: none. */
  readonly onProgress?: (report: Report) => void;
};

const STORES = { sqlite: openSqlite, postgres: openPostgres, mysql: openMysql };

const WORKERS = 4;
/** After each round its rooms are checked and dropped, so that memory does not grow with a run. */
const OPERATIONS_PER_ROUND = 20_000;
const DEADLINE_MS = 2_000;
const GRACE_MS = 1_000;

/** Runs operations on its own servers, optionally with faults, and checks the results. */
export async function soak(options: SoakOptions): Promise<Report> {
  const { operations, storage, seed, faults, sabotage, traffic = 'mixed', signal, onProgress } = options;
  const random = new SeededRandom(seed);
  const faultRandom = new SeededRandom(seed ^ 0x5eed);
  const store = await STORES[storage](faultRandom);
  const redisServer = storage === 'sqlite' ? undefined : await RedisServer.start();
  const redis: WorkerConfig['redis'] = redisServer && {
    port: redisServer.port,
    onStoreError: seed % 2 === 0 ? 'memory' : 'deny',
  };
  let round: Round | undefined;
  const config = { store: store.config, deadlineMs: DEADLINE_MS, limits: WORKER_LIMITS, redis, sabotage };
  const workers = Array.from(
    { length: WORKERS },
    (_, index) =>
      new WorkerProcess(index, config, {
        note: (notice) => round?.note(notice),
        pause: (pause) => round?.pause(pause),
        died: (death) => round?.died(death),
      }),
  );
  const injector = new FaultInjector({ workers, database: store.database, redis: redisServer }, faultRandom);
  const counters = new RoundCounters(redis, WORKERS, injector);
  const tally = new Tally();
  const report = () => tally.report(injector.counts, store.database?.proxy.cutsMade);
  try {
    await Promise.all(workers.map((worker) => worker.start()));
    for (let number = 1; tally.operations < operations && !signal?.aborted; number += 1) {
      round = new Round(`${seed}-${number}`, store, workers, random, traffic);
      const count = Math.min(OPERATIONS_PER_ROUND, operations - tally.operations);
      await round.run(count, (end) => (faults ? injector.run(end) : Promise.resolve()), signal);
      const { history, logs } = await round.outcome();
      const anomalies = check(history, logs, {
        deadlineMs: DEADLINE_MS,
        graceMs: GRACE_MS,
        outcomesCanBeUnknown: faults && storage !== 'sqlite',
        limits: counters.limits(faults),
      });
      tally.add(history, logs, anomalies);
      onProgress?.(report());
    }
    return report();
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()));
    await redisServer?.close();
    await store.close();
  }
}
