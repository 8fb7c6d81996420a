/** A query, in the form that the `query` method of mysql2 takes. */
export type MysqlQuery = {
  readonly sql: string;
  /** The values of the placeholders. */
  readonly values: unknown[];
  /** Milliseconds to wait for the response. */
  readonly timeout: number | undefined;
  /** Whether rows are arrays. */
  readonly rowsAsArray: true;
  readonly nestTables: false;
  /** Reads a column. */
  readonly typeCast: (field: { buffer(): Buffer | null }) => Buffer | null;
};

/** A connection of a pool: the part of mysql2's PoolConnection that the adapter uses. */
export interface MysqlConnection {
  /** Sends one statement in the text protocol. Rejects with an error that has the server's `errno` and `sqlState`. */
  query(query: MysqlQuery): Promise<readonly [result: unknown, fields: unknown]>;
  /** Returns the connection to the pool. */
  release(): void;
  /** Closes the connection. */
  destroy(): void;
  /** Listens for a connection that breaks. Without a listener, that error would end the process. */
  on(event: 'error', listener: (error: Error) => void): unknown;
  /** Removes a listener that `on` added. */
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
}
