import { unavailable } from './refusals.ts';

/** The work of a service that goes on after responses, so that closing can wait for it. */
export class Background {
  readonly #running = new Set<Promise<unknown>>();
  #isClosed = false;

  /** Keeps a promise until it settles. It must not reject unhandled: pass one that handles its own failure. */
  add(work: Promise<unknown>): void {
    this.#running.add(work);
    const remove = () => this.#running.delete(work);
    work.then(remove, remove);
  }

  /** @throws {MatrixError} 503 after {@link close} */
  throwIfClosed(): void {
    if (this.#isClosed) throw unavailable(new Error('The service is closed'));
  }

  /**
   * Accepts no new runs. Waits for the running work, including what it adds, for at most this many milliseconds.
   *
   * @returns false when some of it still runs
   */
  async close(timeoutMs: number): Promise<boolean> {
    this.#isClosed = true;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs);
    });
    try {
      return await Promise.race([this.#settled(), timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #settled(): Promise<true> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
    return true;
  }
}
