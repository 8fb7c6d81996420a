/** The end of the time that a decision may take. */
export class Deadline {
  readonly #over: Promise<void>;
  #cancel = () => {};

  constructor(ms: number) {
    this.#over = new Promise((resolve) => {
      // After a pause of this process its timers fire before it reads what has arrived meanwhile: read that first.
      const timer = setTimeout(() => setImmediate(resolve), ms);
      this.#cancel = () => clearTimeout(timer);
    });
  }

  /** Waits until all the work is done, well or badly, but not beyond the deadline. */
  async wait(work: readonly Promise<unknown>[]): Promise<void> {
    await Promise.race([Promise.allSettled(work), this.#over]);
  }

  /** Frees the timer. Nothing may be waited for afterwards. */
  end(): void {
    this.#cancel();
  }
}
