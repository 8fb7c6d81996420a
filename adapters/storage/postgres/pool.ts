import type { CallContext } from '../../../src/ports/context.ts';
import { deadlineOver, isLate, onceLate, throwIfLate } from '../shared/deadline.ts';
import { isConnectionLost, unavailable } from './failures.ts';

/** A query, as pg's `query` takes it. */
export type PostgresQuery = {
  readonly name?: string;
  readonly text: string;
  readonly values?: unknown[];
  /** Milliseconds after which the answer is not waited for any more. */
  readonly query_timeout?: number;
};

/** A connection of a pool: the part of pg's PoolClient that is used. */
export interface PostgresClient {
  /** Sends one statement; rejects with an error that has PostgreSQL's SQLSTATE as its `code`. */
  query(query: PostgresQuery): Promise<{ readonly rows: Record<string, unknown>[] }>;
  /** Gives the connection back to the pool, or ends it. */
  release(destroy?: boolean): void;
  /** A connection that breaks says so here; unheard, that would end the process. */
  on(event: 'error', listener: (error: Error) => void): unknown;
  /** Takes back what `on` did. */
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
}

/** Where connections come from: a Pool of pg, or anything with its `connect`. */
export interface PostgresPool {
  /** Waits for a free connection, as long as the pool's own `connectionTimeoutMillis` says. */
  connect(): Promise<PostgresClient>;
  /** Where there is one, it is told of each new connection before `connect` resolves, as pg's Pool does. */
  on?(event: 'connect', listener: (client: PostgresClient) => void): unknown;
}

/**
 * Works on a connection of the pool. One that failed otherwise than by an answer of the server is not given back
 * to the pool.
 *
 * @param context ends the wait for a connection; work that has started is not interrupted
 * @throws {StorageUnavailableError} for every failure
 */
export async function withClient<Result>(
  pool: PostgresPool,
  context: CallContext | undefined,
  work: (client: PostgresClient) => Promise<Result>,
): Promise<Result> {
  const client = await connected(pool, context);
  client.on('error', ignoreError);
  try {
    const result = await work(client);
    giveBack(client, false);
    return result;
  } catch (error) {
    giveBack(client, isConnectionLost(error));
    throw unavailable(error);
  }
}

async function connected(pool: PostgresPool, context: CallContext | undefined): Promise<PostgresClient> {
  if (context !== undefined) throwIfLate(context);
  listenFromTheStart(pool);
  const connecting = pool.connect();
  if (context === undefined) return connecting.catch(failToConnect);
  return new Promise((resolve, reject) => {
    const stopListening = onceLate(context, () => reject(deadlineOver(context)));
    connecting.then(
      (client) => {
        stopListening();
        // Too late: nobody waits for it any more.
        if (isLate(context)) client.release();
        else resolve(client);
      },
      (error: unknown) => {
        stopListening();
        reject(unavailable(error, false));
      },
    );
  });
}

const listenedTo = new WeakSet<PostgresPool>();

/**
 * The server may say goodbye in the same piece of data as that a new connection is ready: then it breaks before
 * `connect` has resolved, while the pool does not listen any more and we do not yet.
 */
function listenFromTheStart(pool: PostgresPool): void {
  if (listenedTo.has(pool)) return;
  listenedTo.add(pool);
  pool.on?.('connect', (client) => client.on('error', ignoreError));
}

function failToConnect(error: unknown): never {
  throw unavailable(error, false);
}

function giveBack(client: PostgresClient, destroy: boolean): void {
  client.removeListener('error', ignoreError);
  client.release(destroy);
}

/**
 * A connection that breaks while it is in use fails its query and also emits `error`, which would end the process
 * if nobody listened.
 */
function ignoreError(): void {}
