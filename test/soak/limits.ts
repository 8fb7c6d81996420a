import type { RateLimits } from '../../adapters/rate-limit/shared/limits.ts';
import { type FaultInjector, REDIS_CRASHED, WORKER_KILLED } from './faults.ts';
import type { Limit } from './history.ts';
import type { WorkerSettings } from './worker-settings.ts';

/** Short windows, few points: so that a run goes through many windows, and into the limits. */
const LIMITS = {
  inviter: { points: 20, durationSeconds: 3 },
  room: { points: 50, durationSeconds: 3 },
  invitee: { points: 4, durationSeconds: 3 },
} as const;

export const WORKER_LIMITS: RateLimits = { ...LIMITS, attempt: false };

/** Reckons how many counts of one key may have been in play within a round. */
export class CountsOfARound {
  readonly #redis: WorkerSettings['redis'];
  readonly #workers: number;
  readonly #injector: FaultInjector;
  #killedBefore = 0;
  #crashedBefore = 0;

  constructor(redis: WorkerSettings['redis'], workers: number, injector: FaultInjector) {
    this.#redis = redis;
    this.#workers = workers;
    this.#injector = injector;
  }

  /** To be called once after each round. A worker that died by itself is told as an anomaly anyhow. */
  limits(hadFaults: boolean): Limit[] {
    const killed = this.#injector.count(WORKER_KILLED);
    const crashed = this.#injector.count(REDIS_CRASHED);
    const processes = this.#workers + killed - this.#killedBefore;
    const inRedis = 1 + crashed - this.#crashedBefore;
    this.#killedBefore = killed;
    this.#crashedBefore = crashed;
    let counts = processes;
    if (this.#redis !== undefined) {
      const canCountAlone = hadFaults && this.#redis.onStoreError === 'memory';
      counts = inRedis + (canCountAlone ? processes : 0);
    }
    return (['inviter', 'room', 'invitee'] as const).map((scope) => ({
      scope,
      points: LIMITS[scope].points,
      durationMs: LIMITS[scope].durationSeconds * 1_000,
      counts,
    }));
  }
}
