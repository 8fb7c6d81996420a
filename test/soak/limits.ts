import type { RateLimits } from '../../adapters/rate-limit/shared/limits.ts';
import { type FaultInjector, REDIS_CRASHED, WORKER_KILLED } from './faults.ts';
import type { Limit } from './history.ts';
import type { WorkerConfig } from './worker-config.ts';

/** Short windows and few points, so that a run goes through many windows and exceeds the limits. */
const LIMITS = {
  inviter: { points: 20, durationSeconds: 3 },
  room: { points: 50, durationSeconds: 3 },
  invitee: { points: 4, durationSeconds: 3 },
} as const;

export const WORKER_LIMITS: RateLimits = { ...LIMITS, attempt: false };

/** Computes the maximum number of counters that one key can have had in a round. */
export class RoundCounters {
  readonly #redis: WorkerConfig['redis'];
  readonly #workers: number;
  readonly #injector: FaultInjector;
  #killedBefore = 0;
  #crashedBefore = 0;

  constructor(redis: WorkerConfig['redis'], workers: number, injector: FaultInjector) {
    this.#redis = redis;
    this.#workers = workers;
    this.#injector = injector;
  }

  /** Call it once after each round. A worker that exited on its own is not counted: it is an anomaly anyway. */
  limits(hadFaults: boolean): Limit[] {
    const killed = this.#injector.count(WORKER_KILLED);
    const crashed = this.#injector.count(REDIS_CRASHED);
    const processes = this.#workers + killed - this.#killedBefore;
    const inRedis = 1 + crashed - this.#crashedBefore;
    this.#killedBefore = killed;
    this.#crashedBefore = crashed;
    let counters = processes;
    if (this.#redis !== undefined) {
      const canCountAlone = hadFaults && this.#redis.onStoreError === 'memory';
      counters = inRedis + (canCountAlone ? processes : 0);
    }
    return (['inviter', 'room', 'invitee'] as const).map((scope) => ({
      scope,
      points: LIMITS[scope].points,
      durationMs: LIMITS[scope].durationSeconds * 1_000,
      counters,
    }));
  }
}
