import { setTimeout as delay } from 'node:timers/promises';
import type { RedisServer } from '../../servers/redis-server.ts';
import type { SeededRandom } from './random.ts';
import type { Store } from './store.ts';
import type { WorkerProcess } from './worker-process.ts';

type Fault = () => Promise<void>;

/** A fault in which Redis loses its counts. */
export const REDIS_CRASHED = 'Redis crashed';
export const WORKER_KILLED = 'worker killed';

/** The parts of a run that faults can hit. */
export type FaultTargets = {
  readonly workers: readonly WorkerProcess[];
  readonly database: Store['database'];
  readonly redis: RedisServer | undefined;
};

/** Injects one fault after another, and counts them. */
export class FaultInjector {
  readonly counts = new Map<string, number>();
  readonly #faults: ReadonlyMap<string, Fault>;
  readonly #random: SeededRandom;

  constructor({ workers, database, redis }: FaultTargets, random: SeededRandom) {
    this.#random = random;
    this.#faults = new Map([
      ...workerFaults(workers, random),
      ...databaseFaults(database, random),
      ...redisFaults(redis, random),
    ]);
  }

  /** Returns the number of faults of one kind. */
  count(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  /** Injects faults until the signal. Everything works again when the promise resolves. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(this.#random.between(100, 1_500), undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const name = this.#random.pick([...this.#faults.keys()]);
      this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
      await this.#faults.get(name)?.();
    }
  }
}

function workerFaults(workers: readonly WorkerProcess[], random: SeededRandom): [string, Fault][] {
  return [
    [
      WORKER_KILLED,
      async () => {
        const worker = random.pick(workers);
        await worker.kill();
        await worker.start();
      },
    ],
    ['worker paused', () => random.pick(workers).pauseFor(delay(random.between(500, 4_000)))],
  ];
}

function databaseFaults(database: Store['database'], random: SeededRandom): [string, Fault][] {
  if (database === undefined) return [];
  const { name, server, proxy } = database;
  return [
    [
      `${name} restarted`,
      async () => {
        await server.stop();
        await server.startAgain();
      },
    ],
    [
      `${name} crashed`,
      async () => {
        await server.crash();
        await delay(random.between(0, 500));
        await server.startAgain();
      },
    ],
    [
      `${name} paused`,
      async () => {
        await server.signal('SIGSTOP');
        await delay(random.between(500, 4_000));
        await server.signal('SIGCONT');
      },
    ],
    ['commits cut', async () => proxy.cutNext(random.between(1, 20))],
  ];
}

function redisFaults(redis: RedisServer | undefined, random: SeededRandom): [string, Fault][] {
  if (redis === undefined) return [];
  return [
    [
      REDIS_CRASHED,
      async () => {
        await redis.kill();
        await delay(random.between(0, 1_000));
        await redis.startAgain();
      },
    ],
    [
      'Redis paused',
      async () => {
        redis.signal('SIGSTOP');
        await delay(random.between(500, 3_000));
        redis.signal('SIGCONT');
      },
    ],
  ];
}
