import { setTimeout as delay } from 'node:timers/promises';

/** A pool waits for connections that a failed test has not released. It is abandoned after this time. */
const MAX_END_MS = 2_000;

/** Connection pools that are ended together. */
export class Pools<Config, Pool extends { end(): Promise<void> }> {
  readonly #open: (config: Config) => Pool;
  readonly #pools: Pool[] = [];

  constructor(open: (config: Config) => Pool) {
    this.#open = open;
  }

  open(config: Config): Pool {
    const pool = this.#open(config);
    this.#pools.push(pool);
    return pool;
  }

  async end(): Promise<void> {
    const ended = this.#pools.splice(0).map((pool) => pool.end().catch(() => {}));
    await Promise.race([Promise.all(ended), delay(MAX_END_MS, undefined, { ref: false })]);
  }
}
