import { RedisServer } from '../support/redis-server.ts';
import { check } from './check.ts';
import { FaultInjector } from './faults.ts';
import { CountsOfARound, WORKER_LIMITS } from './limits.ts';
import { SeededRandom } from './random.ts';
import { type Report, Tally } from './report.ts';
import { Round } from './round.ts';
import { openPostgres, openSqlite } from './store.ts';
import { WorkerProcess } from './worker-process.ts';
import type { Sabotage, WorkerSettings } from './worker-settings.ts';
import type { Traffic } from './workload.ts';

/** What a run is asked for. */
export type SoakOptions = {
  readonly operations: number;
  /** With PostgreSQL, Redis counts the limits; with SQLite each worker does in its memory. */
  readonly storage: 'sqlite' | 'postgres';
  /** An even one has `onStoreError: 'memory'`, an odd one `'deny'`. */
  readonly seed: number;
  readonly faults: boolean;
  /** Default `mixed`. */
  readonly traffic?: Traffic;
  /** Default none. */
  readonly sabotage?: Sabotage;
  /** Ends the run early; what was done by then is checked all the same. */
  readonly signal?: AbortSignal;
  /** Told after each round. Default: nobody is. */
  readonly onProgress?: (report: Report) => void;
};

const WORKERS = 4;
/** Rooms are retired and checked after so many operations: what is kept in memory does not grow with a run. */
const OPERATIONS_OF_A_ROUND = 20_000;
const DEADLINE_MS = 2_000;
const GRACE_MS = 1_000;

/** Runs operations on servers of its own, with faults if wanted, and checks all that came of it. */
export async function soak(options: SoakOptions): Promise<Report> {
  const { operations, storage, seed, faults, sabotage, traffic = 'mixed', signal, onProgress } = options;
  const random = new SeededRandom(seed);
  const faultRandom = new SeededRandom(seed ^ 0x5eed);
  const store = storage === 'sqlite' ? await openSqlite() : await openPostgres(faultRandom);
  const redisServer = storage === 'sqlite' ? undefined : await RedisServer.start();
  const redis: WorkerSettings['redis'] = redisServer && {
    port: redisServer.port,
    onStoreError: seed % 2 === 0 ? 'memory' : 'deny',
  };
  let round: Round | undefined;
  const settings = { store: store.settings, deadlineMs: DEADLINE_MS, limits: WORKER_LIMITS, redis, sabotage };
  const workers = Array.from(
    { length: WORKERS },
    (_, index) =>
      new WorkerProcess(index, settings, {
        note: (notice) => round?.note(notice),
        pause: (pause) => round?.pause(pause),
        died: (death) => round?.died(death),
      }),
  );
  const injector = new FaultInjector({ workers, postgres: store.postgres, redis: redisServer }, faultRandom);
  const counts = new CountsOfARound(redis, WORKERS, injector);
  const tally = new Tally();
  const report = () => tally.report(injector.counts, store.postgres?.proxy.cutsMade);
  try {
    await Promise.all(workers.map((worker) => worker.start()));
    for (let number = 1; tally.operations < operations && !signal?.aborted; number += 1) {
      round = new Round(`${seed}-${number}`, store, workers, random, traffic);
      const wanted = Math.min(OPERATIONS_OF_A_ROUND, operations - tally.operations);
      await round.run(wanted, (end) => (faults ? injector.run(end) : Promise.resolve()), signal);
      const { history, logs } = await round.outcome();
      const anomalies = check(history, logs, {
        deadlineMs: DEADLINE_MS,
        graceMs: GRACE_MS,
        outcomesCanBeUnknown: faults && storage === 'postgres',
        limits: counts.limits(faults),
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
