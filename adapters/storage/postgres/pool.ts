import { handleRejection } from '../../../src/internal/unawaited.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { throwIfAborted } from '../shared/aborted.ts';
import { acquired } from '../shared/acquired.ts';
import type { Connections } from '../shared/lane.ts';
import {
  InTransactionError,
  isAboutOneEvent,
  isConnectionLost,
  isConnectionState,
  postgresFailure,
  settingsBehind,
  sqlStateOf,
} from './failures.ts';
import { followTransactions, throwIfInTransaction, transactionStatusOf } from './transaction-status.ts';

/** A query, as the `query` method of pg takes it. */
export type PostgresQuery = {
  readonly name?: string;
  readonly text: string;
  readonly values?: unknown[];
  /** Milliseconds to wait for the response. */
  readonly query_timeout?: number;
  /** How to parse values. */
  readonly types?: {
    /** Returns the parser of a column. Every column that the adapter reads is text. */
    getTypeParser(oid: number, format?: string): (value: string | Buffer) => string;
  };
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
  /**
   * Optional. Returns the transaction status of PostgreSQL's last response: `I` outside a transaction, `T` inside one,
   * `E` inside one that has failed. pg has it from 8.21 on; for earlier versions, the adapter listens to the client's
   * `connection`. A client with neither costs one more round trip for each statement.
   */
  getTransactionStatus?(): string | null | undefined;
}

/** A source of connections: a Pool of pg, or any object with its `connect` method. */
export interface PostgresPool {
  /** Waits for a free connection, up to the pool's own `connectionTimeoutMillis`. */
  connect(): Promise<PostgresClient>;
  /** Optional. Calls the listener with each new connection before `connect` resolves, as pg's Pool does. */
  on?(event: 'connect', listener: (client: PostgresClient) => void): unknown;
}

/**
 * Every column is text, and is read as such, whatever type parsers the host app has set. In binary format, which a pool
 * can ask for, pg passes a Buffer, and garbles every type but text.
 */
export const AS_TEXT = { getTypeParser: () => String };

/**
 * The maximum number of times that one call moves on to another connection because of what the host app has left on the
 * last one.
 */
const MAX_GIVEN_UP = 20;

/** The SQLSTATE of a statement that took longer than `statement_timeout`. */
const QUERY_CANCELED = '57014';

/** Milliseconds to wait for the response to a check of a connection. */
const CHECK_TIMEOUT_MS = 5_000;

/**
 * Runs `work` on a connection of the pool. The connection goes back to the pool afterwards, or is closed if it is no
 * longer usable. If the host app has left the connection in a state in which the work cannot succeed, such as inside a
 * transaction, the connection is closed and `work` is called again on another one.
 *
 * @param context ends the wait for a connection; it does not interrupt work that has started
 * @throws {StorageUnavailableError} for every failure
 */
export async function withClient<Result>(
  pool: PostgresPool,
  context: CallContext | undefined,
  work: (client: PostgresClient) => Promise<Result>,
): Promise<Result> {
  for (let givenUp = 0; ; givenUp += 1) {
    const client = checkedClient(await connect(pool, context));
    client.on('error', ignoreError);
    let wasSent = false;
    try {
      await checkOutsideTransaction(client);
      wasSent = true;
      const result = await work(client);
      releaseClient(client, false);
      return result;
    } catch (error) {
      const state = await stateAfter(client, error);
      releaseClient(client, state !== 'usable');
      if (state !== 'leftBehind' || givenUp === MAX_GIVEN_UP) throw postgresFailure(error, wasSent);
    }
  }
}

/** Returns the connections of a pool, for a lane. */
export function connectionsOf(pool: PostgresPool): Connections<PostgresClient> {
  return { use: (work) => withClient(pool, undefined, work), isAboutOneEvent, failure: postgresFailure };
}

/** @throws {TypeError} if `connect` resolved to no client, as that of other databases and libraries does */
function checkedClient(client: PostgresClient): PostgresClient {
  if (typeof client?.query === 'function' && typeof client.release === 'function') return client;
  throw new TypeError('PostgresStorage: connect of the pool must resolve to a client with query and release');
}

/** Rejects if the connection is inside a transaction that the host app has left open. */
async function checkOutsideTransaction(client: PostgresClient): Promise<void> {
  const status = transactionStatusOf(client);
  if (status !== undefined) return throwIfInTransaction(client);
  try {
    // A DO block can commit only outside a transaction. Nothing else tells, whichever protocol the client uses.
    await client.query({ text: 'DO $$ BEGIN COMMIT; END $$', query_timeout: CHECK_TIMEOUT_MS });
  } catch (error) {
    throw sqlStateOf(error) === '2D000' ? new InTransactionError() : error;
  }
}

/**
 * Returns the state of a connection on which a statement failed. `leftBehind` means that it failed because of what the
 * host app has left on the connection: it has had no effect, and may succeed on another connection.
 */
async function stateAfter(client: PostgresClient, error: unknown): Promise<'usable' | 'lost' | 'leftBehind'> {
  if (error instanceof InTransactionError || isConnectionState(error)) return 'leftBehind';
  const state = isConnectionLost(error) ? 'lost' : 'usable';
  const settings = settingsBehind(error);
  if (settings === undefined) return state;
  const text = `
SELECT 1 FROM pg_settings WHERE source = 'session' AND name = ANY ($1)
UNION ALL
SELECT 1 FROM pg_stat_activity WHERE 'role' = ANY ($1) AND pid = pg_backend_pid() AND usename <> current_user`;
  try {
    const check = await client.query({ text, values: [settings], query_timeout: CHECK_TIMEOUT_MS });
    return check.rows.length > 0 ? 'leftBehind' : state;
  } catch (checkError) {
    if (isConnectionLost(checkError)) return 'lost';
    // A `statement_timeout` of a millisecond, say, ends this query too.
    return sqlStateOf(checkError) === QUERY_CANCELED ? 'leftBehind' : state;
  }
}

/**
 * Runs `work` in a READ COMMITTED transaction, whatever the default isolation level of the connection is.
 *
 * @param queryTimeoutMs the maximum time for each of `BEGIN`, `COMMIT` and `ROLLBACK`, in milliseconds (default none)
 */
export async function inReadCommitted<Result>(
  client: PostgresClient,
  work: () => Promise<Result>,
  queryTimeoutMs?: number,
): Promise<Result> {
  const run = (text: string) => client.query({ text, query_timeout: queryTimeoutMs });
  await run('BEGIN ISOLATION LEVEL READ COMMITTED');
  try {
    const result = await work();
    await run('COMMIT');
    return result;
  } catch (error) {
    // The first error is the one to report. No ROLLBACK on a lost connection: pg would never send it, and the caller closes
    // the connection.
    if (!isConnectionLost(error)) await run('ROLLBACK').catch(() => {});
    throw error;
  }
}

async function connect(pool: PostgresPool, context: CallContext | undefined): Promise<PostgresClient> {
  if (context !== undefined) throwIfAborted(context);
  ignoreErrorsFromTheStart(pool);
  const connecting = pool.connect().catch((error: unknown) => {
    throw postgresFailure(error, false);
  });
  return acquired(connecting, context, (client) => client.release());
}

const poolsWithListener = new WeakSet<PostgresPool>();

/**
 * PostgreSQL can send its termination message in the same packet as ReadyForQuery. The connection then breaks before
 * `connect` resolves, when the pool no longer listens and `withClient` does not listen yet.
 */
function ignoreErrorsFromTheStart(pool: PostgresPool): void {
  if (poolsWithListener.has(pool)) return;
  poolsWithListener.add(pool);
  pool.on?.('connect', (client) => {
    client.on('error', ignoreError);
    followTransactions(client);
  });
}

function releaseClient(client: PostgresClient, destroy: boolean): void {
  client.removeListener('error', ignoreError);
  handleRejection(client.release(destroy));
}

/**
 * A connection that breaks while it is in use fails its query and also emits `error`, which would end the process
 * without a listener.
 */
function ignoreError(): void {}
