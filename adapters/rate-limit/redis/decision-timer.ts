/** Limits the time of one decision. */
export class DecisionTimer {
  #timer: NodeJS.Timeout;
  #isOver = false;
  #stopWaiting = () => {};

  constructor(ms: number) {
    const startedAt = performance.now();
    this.#timer = setTimeout(() => {
      // Makes up for the time that a blocked event loop took, up to `ms`: the commands may not even have been sent.
      const lateMs = performance.now() - startedAt - ms;
      this.#timer = setTimeout(() => this.#expireAfterReading(), Math.min(lateMs, ms));
    }, ms);
  }

  /**
   * Waits until all the work has settled, or until the time is over. Only one wait at a time.
   *
   * It counts, because `Promise.race` with `Promise.allSettled` creates so many promises that a decision
   * costs 7 % more CPU time.
   */
  async wait(work: readonly Promise<unknown>[]): Promise<void> {
    if (this.#isOver || work.length === 0) return;
    await new Promise<void>((resolve) => {
      let pending = work.length;
      const settle = () => {
        pending -= 1;
        if (pending === 0) resolve();
      };
      this.#stopWaiting = resolve;
      for (const each of work) each.then(settle, settle);
    });
  }

  /** Clears the timer. Do not wait afterwards. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Node runs timers before it reads sockets: replies that have already arrived are read first. */
  #expireAfterReading(): void {
    setImmediate(() => {
      this.#isOver = true;
      this.#stopWaiting();
    });
  }
}
