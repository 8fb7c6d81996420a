/**
 * What is used of an SQLite connection: the part that `DatabaseSync` of `node:sqlite` (Node 22 and later), its
 * namesake of `@photostructure/sqlite`, and `better-sqlite3` have in common.
 */
export type SqliteDatabase = {
  /** Runs statements that bring no rows. */
  exec(sql: string): unknown;
  /** Throws where the statement is none. */
  prepare(sql: string): SqliteStatement;
};

/** A prepared statement of an {@link SqliteDatabase}. */
export type SqliteStatement = {
  /** The first row, or `undefined`. */
  get(...parameters: (string | number)[]): unknown;
  /** Every row. */
  all(...parameters: (string | number)[]): unknown[];
  /** Runs a statement that brings no rows; the id is that of the row it inserted last. */
  run(...parameters: (string | number)[]): { lastInsertRowid: number | bigint };
};
