import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { CannotStart, timeLimits } from './config.ts';

/** The pause before a dead worker is replaced. Whatever killed it may kill its successor at once. */
const PAUSE_MS = 1_000;
/** The time after which a worker that was told to end is killed. Workers give up on their own a little earlier. */
const CLOSE_TIMEOUT_MS = timeLimits.closeMs + 2_000;
/**
 * A shell that runs npx sends Ctrl-C to npx, to tsx and to this process, and the first two pass it on. Signals
 * within this time, in milliseconds, count as one.
 */
const SAME_SIGNAL_MS = 1_000;

/** The processes that share the port. Node hands each new connection to the next one. Dead ones are replaced. */
export class Workers {
  readonly #environment: Readonly<Record<string, string>>;
  #isClosing = false;

  /** @param environment variables for the workers, in addition to this process's own */
  constructor(environment: Readonly<Record<string, string>>) {
    this.#environment = environment;
    process.once('exit', () => {
      for (const worker of all()) worker.process.kill('SIGKILL');
    });
  }

  /**
   * Starts the workers, and resolves when all of them listen.
   *
   * @throws {CannotStart} if a worker exits before that
   */
  async start(count: number): Promise<void> {
    const workers = Array.from({ length: count }, () => this.#fork());
    await Promise.all(workers.map(isListening));
    for (const worker of workers) void this.#replaceOnExit(worker);
  }

  /** One line per running worker. */
  get descriptions(): string[] {
    return all().map(describe);
  }

  /** Lets each worker finish what it has started, and resolves when all have exited. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(all().map(end));
  }

  #fork(): Worker {
    return cluster.fork(this.#environment);
  }

  async #replaceOnExit(worker: Worker): Promise<void> {
    if (!worker.isDead()) await once(worker, 'exit');
    if (this.#isClosing) return;
    const { exitCode, signalCode } = worker.process;
    console.error(`worker-${worker.id} exited: ${signalCode ?? `exit code ${exitCode}`}`);
    await delay(PAUSE_MS);
    if (this.#isClosing) return;
    const successor = this.#fork();
    successor.once('listening', () => console.log(describe(successor)));
    await this.#replaceOnExit(successor);
  }
}

/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP (the terminal was closed). A second signal ends this process and
 * its children immediately.
 */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    const onSignal = (): void => {
      firstAt ??= performance.now();
      if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(1);
      resolve();
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', onSignal);
  });
}

function all(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}

function describe({ id, process: { pid } }: Worker): string {
  return `worker-${id} has PID ${pid}`;
}

function isListening(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('listening', () => resolve());
    worker.once('exit', () => reject(new CannotStart('A worker exited before it could listen')));
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
