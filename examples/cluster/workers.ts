import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { CannotStart } from './cannot-start.ts';
import { timeLimits } from './time-limits.ts';

/** How long the place of one that has died stays empty: what makes a process die may do so again, and at once. */
const PAUSE_MS = 1_000;
/** When one that was told to end is killed: somewhat later than it would end by itself. */
const CLOSE_TIMEOUT_MS = timeLimits.closeMs + 2_000;

/** The processes that share the port: Node gives each new connection to the next of them. One that dies is replaced. */
export class Workers {
  readonly #environment: Readonly<Record<string, string>>;
  #isClosing = false;

  /** @param environment what they get beside our own */
  constructor(environment: Readonly<Record<string, string>>) {
    this.#environment = environment;
    process.once('exit', () => {
      for (const worker of all()) worker.process.kill('SIGKILL');
    });
  }

  /**
   * Starts them, and resolves when all of them listen.
   *
   * @throws {CannotStart} when one ends before
   */
  async start(count: number): Promise<void> {
    const workers = Array.from({ length: count }, () => this.#fork());
    await Promise.all(workers.map(isListening));
    for (const worker of workers) void this.#replaceWhenGone(worker);
  }

  /** What is running, a line for each. */
  get descriptions(): string[] {
    return all().map(describe);
  }

  /** Lets each finish what it has begun, and resolves when all are gone. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(all().map(end));
  }

  #fork(): Worker {
    return cluster.fork(this.#environment);
  }

  async #replaceWhenGone(worker: Worker): Promise<void> {
    if (!worker.isDead()) await once(worker, 'exit');
    if (this.#isClosing) return;
    const { exitCode, signalCode } = worker.process;
    console.error(`worker-${worker.id} has ended: ${signalCode ?? `exit code ${exitCode}`}`);
    await delay(PAUSE_MS);
    if (this.#isClosing) return;
    const successor = this.#fork();
    successor.once('listening', () => console.log(describe(successor)));
    await this.#replaceWhenGone(successor);
  }
}

function all(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}

function describe({ id, process: { pid } }: Worker): string {
  return `worker-${id} is process ${pid}`;
}

function isListening(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('listening', () => resolve());
    worker.once('exit', () => reject(new CannotStart('A process has ended before it could answer')));
  });
}

async function end(worker: Worker): Promise<void> {
  if (worker.isDead()) return;
  const exited = once(worker, 'exit');
  worker.process.kill('SIGTERM');
  const timer = setTimeout(() => worker.process.kill('SIGKILL'), CLOSE_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}
