import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from './random.ts';
import type { Store } from './store.ts';
import type { WorkerProcess } from './worker-process.ts';

type Fault = () => Promise<void>;

/** Does one harm after the other, and counts them. */
export class FaultInjector {
  readonly counts = new Map<string, number>();
  readonly #faults: ReadonlyMap<string, Fault>;
  readonly #random: SeededRandom;

  constructor(workers: readonly WorkerProcess[], store: Store, random: SeededRandom) {
    this.#random = random;
    this.#faults = new Map([...workerFaults(workers, random), ...postgresFaults(store, random)]);
  }

  /** Goes on until the signal; everything is as it was when it resolves. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(this.#random.between(100, 1_500), undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const names = [...this.#faults.keys()];
      const name = this.#random.pick(names);
      this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
      await this.#faults.get(name)?.();
    }
  }
}

function workerFaults(workers: readonly WorkerProcess[], random: SeededRandom): [string, Fault][] {
  return [
    [
      'worker killed',
      async () => {
        const worker = random.pick(workers);
        await worker.kill();
        await worker.start();
      },
    ],
    ['worker stopped', () => random.pick(workers).stopFor(delay(random.between(500, 4_000)))],
  ];
}

function postgresFaults({ postgres }: Store, random: SeededRandom): [string, Fault][] {
  if (postgres === undefined) return [];
  const { server, proxy } = postgres;
  return [
    [
      'PostgreSQL restarted',
      async () => {
        await server.stop('SIGINT');
        await server.startAgain();
      },
    ],
    [
      'PostgreSQL crashed',
      async () => {
        await server.stop('SIGQUIT');
        await delay(random.between(0, 500));
        await server.startAgain();
      },
    ],
    [
      'PostgreSQL stopped',
      async () => {
        await server.signalAll('SIGSTOP');
        await delay(random.between(500, 4_000));
        await server.signalAll('SIGCONT');
      },
    ],
    ['commits cut', async () => proxy.cutNext(random.between(1, 20))],
  ];
}
