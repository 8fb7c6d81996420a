import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** A pool waits for clients that a failed test has not released. It is abandoned after this time. */
const MAX_END_MS = 2_000;

/** Connection pools that are ended together. */
export class Pools {
  readonly #pools: pg.Pool[] = [];

  open(config: pg.PoolConfig): pg.Pool {
    const pool = new pg.Pool(config);
    // Idle connections break when a test stops the server. Without a listener, that would end the process.
    pool.on('error', () => {});
    this.#pools.push(pool);
    return pool;
  }

  async end(): Promise<void> {
    const ended = this.#pools.splice(0).map((pool) => pool.end().catch(() => {}));
    await Promise.race([Promise.all(ended), delay(MAX_END_MS, undefined, { ref: false })]);
  }
}
