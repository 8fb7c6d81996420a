/**
 * What is used of an SQLite connection: the part that `DatabaseSync` of `node:sqlite` (Node 22 and later), its
 * namesake of `@photostructure/sqlite`, and `better-sqlite3` have in common.
 */
export type SqliteDatabase = {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
};

/** A prepared statement of an {@link SqliteDatabase}. */
export type SqliteStatement = {
  get(...parameters: (string | number)[]): unknown;
  all(...parameters: (string | number)[]): unknown[];
  run(...parameters: (string | number)[]): { lastInsertRowid: number | bigint };
};
