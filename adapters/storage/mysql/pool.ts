import { isStorageUnavailable } from '../../../src/errors.ts';
import { handleRejection } from '../../../src/internal/unawaited.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { throwIfAborted } from '../shared/aborted.ts';
import { acquired } from '../shared/acquired.ts';
import type { Connections } from '../shared/lane.ts';
import type { MysqlConnection } from './connection.ts';
import { isAboutOneEvent, isConflict, isResponse, isTimeout, mysqlFailure } from './failures.ts';
import { Session } from './session.ts';

/** A source of connections: a Pool of mysql2/promise, or any object with its `getConnection` method. */
export interface MysqlPool {
  /** Waits for a free connection. */
  getConnection(): Promise<MysqlConnection>;
  /** Optional. Calls the listener with each new connection before `getConnection` resolves, as mysql2's Pool does. */
  on?(event: 'connection', listener: (connection: object) => void): unknown;
}

/** The maximum number of times that one call moves on to another connection. Few pools have more connections. */
const MAX_GIVEN_UP = 20;

/**
 * Runs `work` on a connection of the pool. The connection goes back to the pool afterward, or is closed if it may no longer
 * be usable. If a connection that was used before fails, the reason may be what the host app has left on it, such as an open
 * transaction, another database or a lock, or that the server has closed it meanwhile. If nothing can have been stored,
 * `work` is called again on another connection, until a new one fails too.
 *
 * @param context ends the wait for a connection; it does not interrupt work that has started
 * @throws {StorageUnavailableError} for every failure
 */
export async function withSession<Result>(
  pool: MysqlPool,
  queryTimeoutMs: number | undefined,
  context: CallContext | undefined,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  for (let givenUp = 0; ; givenUp += 1) {
    const connection = checkedConnection(await connect(pool, context));
    connection.on('error', ignoreError);
    const isNew = newConnections.delete(driverConnectionOf(connection));
    const session = new Session(connection, queryTimeoutMs);
    try {
      const result = await work(session);
      release(connection, false);
      return result;
    } catch (error) {
      const isUsable =
        isStorageUnavailable(error) || (isResponse(error) && (isAboutOneEvent(error) || isConflict(error)));
      release(connection, !isUsable);
      const mayDependOnConnection = !isUsable && !isNew && !session.mayHaveStored && !isTimeout(error);
      if (!mayDependOnConnection || givenUp === MAX_GIVEN_UP)
        throw mysqlFailure(error, session.mayHaveStored);
    }
  }
}

/** Returns the connections of a pool, for a lane. */
export function connectionsOf(pool: MysqlPool, queryTimeoutMs: number | undefined): Connections<Session> {
  return {
    use: (work) => withSession(pool, queryTimeoutMs, undefined, work),
    isAboutOneEvent,
    failure: mysqlFailure,
  };
}

/** @throws {TypeError} if `getConnection` resolved to no connection, as that of other libraries does */
function checkedConnection(connection: MysqlConnection): MysqlConnection {
  if (typeof connection?.query === 'function' && typeof connection.release === 'function') return connection;
  throw new TypeError(
    'MysqlStorage: getConnection of the pool must resolve to a connection with query and release',
  );
}

async function connect(pool: MysqlPool, context: CallContext | undefined): Promise<MysqlConnection> {
  if (context !== undefined) throwIfAborted(context);
  followNewConnections(pool);
  const connecting = pool.getConnection().catch((error: unknown) => {
    throw mysqlFailure(error);
  });
  return acquired(connecting, context, (connection) => connection.release());
}

const followedPools = new WeakSet<MysqlPool>();
const newConnections = new WeakSet<object>();

/** Remembers which connections nobody has used yet. */
function followNewConnections(pool: MysqlPool): void {
  if (followedPools.has(pool)) return;
  followedPools.add(pool);
  pool.on?.('connection', (connection) => newConnections.add(connection));
}

/** The pool emits the driver's connection, and resolves to an object that has it. */
function driverConnectionOf(connection: MysqlConnection & { readonly connection?: object }): object {
  return connection.connection ?? connection;
}

function release(connection: MysqlConnection, destroy: boolean): void {
  connection.removeListener('error', ignoreError);
  handleRejection(destroy ? connection.destroy() : connection.release());
}

/** A connection that breaks while it is in use fails its query and also emits `error`. */
function ignoreError(): void {}
