/** Work that goes on behind answered requests, so that closing can wait for it. */
export class Background {
  readonly #running = new Set<Promise<unknown>>();

  /** Keeps a promise until it settles. It must not reject unhandled: give one that handles its own failure. */
  add(work: Promise<unknown>): void {
    this.#running.add(work);
    const remove = () => this.#running.delete(work);
    work.then(remove, remove);
  }

  /** Resolves once all of it is done (what is added meanwhile included), or when the time is over. */
  async settled(milliseconds: number): Promise<'done' | 'timeOver'> {
    let timer: NodeJS.Timeout | undefined;
    const timeOver = new Promise<'timeOver'>((resolve) => {
      timer = setTimeout(() => resolve('timeOver'), milliseconds);
    });
    const done = (async () => {
      while (this.#running.size > 0) await Promise.allSettled(this.#running);
      return 'done' as const;
    })();
    try {
      return await Promise.race([done, timeOver]);
    } finally {
      clearTimeout(timer);
    }
  }
}
