import type pg from 'pg';
import type { PostgresClient, PostgresPool, PostgresQuery } from '../../adapters/storage/postgres/index.ts';

/** A pool that records its queries in order, and their failures by SQLSTATE or message. */
export class RecordingPool implements PostgresPool {
  readonly queries: PostgresQuery[] = [];
  readonly failures: string[] = [];
  /** The maximum number of connections in use at one time. */
  maxInUse = 0;
  /** If true, every attempt to connect fails. */
  isDown = false;
  #inUse = 0;
  readonly #pool: PostgresPool;

  constructor(pool: PostgresPool) {
    this.#pool = pool;
  }

  async connect(): Promise<PostgresClient> {
    if (this.isDown) throw new Error('down');
    const client = await this.#pool.connect();
    this.#inUse += 1;
    this.maxInUse = Math.max(this.maxInUse, this.#inUse);
    return {
      query: async (query) => {
        this.queries.push(query);
        try {
          return await client.query(query);
        } catch (error) {
          const { code, message } = error as { code?: string; message: string };
          this.failures.push(code ?? message);
          throw error;
        }
      },
      release: (destroy) => {
        this.#inUse -= 1;
        client.release(destroy);
      },
      on: (event, listener) => client.on(event, listener),
      removeListener: (event, listener) => client.removeListener(event, listener),
      getTransactionStatus: () => client.getTransactionStatus?.(),
    };
  }
}

/** Makes a pool of one connection that its caller keeps, even in the middle of a transaction. */
export function lentPool(client: pg.PoolClient): PostgresPool {
  return {
    connect: async () => ({
      query: (query) => client.query(query),
      release: () => {},
      on: (event, listener) => client.on(event, listener),
      removeListener: (event, listener) => client.removeListener(event, listener),
      // The transaction is the caller's on purpose.
      getTransactionStatus: () => 'I',
    }),
  };
}
