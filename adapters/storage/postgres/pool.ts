import { isAborted, onAbort } from '../../../src/internal/call-context.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { abortedError, throwIfAborted } from '../shared/aborted.ts';
import { isConnectionLost, postgresFailure } from './failures.ts';

/** A query, as the `query` method of pg takes it. */
export type PostgresQuery = {
  readonly name?: string;
  readonly text: string;
  readonly values?: unknown[];
  /** Milliseconds to wait for the response. */
  readonly query_timeout?: number;
};

/** A connection of a pool: the part of pg's PoolClient that the adapter uses. */
export interface PostgresClient {
  /** Sends one statement. Rejects with an error whose `code` is PostgreSQL's SQLSTATE. */
  query(query: PostgresQuery): Promise<{ readonly rows: Record<string, unknown>[] }>;
  /** Returns the connection to the pool, or closes it if `destroy` is true. */
  release(destroy?: boolean): void;
  /** Listens for a connection that breaks. Without a listener, that error would end the process. */
  on(event: 'error', listener: (error: Error) => void): unknown;
  /** Removes a listener that `on` added. */
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
}

/** A source of connections: a Pool of pg, or any object with its `connect` method. */
export interface PostgresPool {
  /** Waits for a free connection, up to the pool's own `connectionTimeoutMillis`. */
  connect(): Promise<PostgresClient>;
  /** Optional. Calls the listener with each new connection before `connect` resolves, as pg's Pool does. */
  on?(event: 'connect', listener: (client: PostgresClient) => void): unknown;
}

/**
 * Runs `work` on a connection of the pool. The connection goes back to the pool afterwards, or is closed if it is no
 * longer usable.
 *
 * @param context ends the wait for a connection; it does not interrupt work that has started
 * @throws {StorageUnavailableError} for every failure
 */
export async function withClient<Result>(
  pool: PostgresPool,
  context: CallContext | undefined,
  work: (client: PostgresClient) => Promise<Result>,
): Promise<Result> {
  const client = await connect(pool, context);
  client.on('error', ignoreError);
  try {
    const result = await work(client);
    releaseClient(client, false);
    return result;
  } catch (error) {
    releaseClient(client, isConnectionLost(error));
    throw postgresFailure(error);
  }
}

/** Runs `work` in a READ COMMITTED transaction, whatever the default isolation level of the connection is. */
export async function inReadCommitted<Result>(
  client: PostgresClient,
  work: () => Promise<Result>,
): Promise<Result> {
  await client.query({ text: 'BEGIN ISOLATION LEVEL READ COMMITTED' });
  try {
    const result = await work();
    await client.query({ text: 'COMMIT' });
    return result;
  } catch (error) {
    // The first error is the one to report. The connection may be gone.
    await client.query({ text: 'ROLLBACK' }).catch(() => {});
    throw error;
  }
}

async function connect(pool: PostgresPool, context: CallContext | undefined): Promise<PostgresClient> {
  if (context !== undefined) throwIfAborted(context);
  ignoreErrorsFromTheStart(pool);
  const connecting = pool.connect().catch((error: unknown) => {
    throw postgresFailure(error, false);
  });
  if (context === undefined) return connecting;
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(context, () => reject(abortedError(context)));
    connecting.then(
      (client) => {
        stopListening();
        // Too late: the caller no longer waits for the connection.
        if (isAborted(context)) client.release();
        else resolve(client);
      },
      (error: unknown) => {
        stopListening();
        reject(error);
      },
    );
  });
}

const poolsWithListener = new WeakSet<PostgresPool>();

/**
 * PostgreSQL can send its termination message in the same packet as ReadyForQuery. The connection then breaks before
 * `connect` resolves, when the pool no longer listens and `withClient` does not listen yet.
 */
function ignoreErrorsFromTheStart(pool: PostgresPool): void {
  if (poolsWithListener.has(pool)) return;
  poolsWithListener.add(pool);
  pool.on?.('connect', (client) => client.on('error', ignoreError));
}

function releaseClient(client: PostgresClient, destroy: boolean): void {
  client.removeListener('error', ignoreError);
  client.release(destroy);
}

/**
 * A connection that breaks while it is in use fails its query and also emits `error`, which would end the process
 * without a listener.
 */
function ignoreError(): void {}
