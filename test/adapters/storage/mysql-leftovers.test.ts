import type mysql from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MysqlStorage } from '../../../adapters/storage/mysql/index.ts';
import { MariadbServer } from '../../../servers/mariadb-server.ts';
import {
  ALICE,
  basisFor,
  CREATE,
  inTime,
  inviteOf,
  member,
  NAME,
  newRoom,
  stateEvent,
} from '../../support/storage-room.ts';
import { storageErrorOf } from './not-stored.ts';

const BOB = '@bob:example.org';
/** Is stored as other characters if the bytes are those of another character set. */
const REASON = "Grüße, 日本 🎉 \\ ' \u0000";

let server: MariadbServer;
let admin: mysql.Pool;
/** Reads and writes on its own connections. */
let observer: MysqlStorage;

beforeAll(async () => {
  server = await MariadbServer.start();
  await server.pool().query('CREATE DATABASE rooms');
  await server.pool().query('CREATE DATABASE other');
  await server.pool().query('CREATE ROLE outsider');
  await server.pool().query('CREATE TABLE other.theirs (number INT) ENGINE = InnoDB');
  admin = server.pool({ database: 'rooms' });
  observer = new MysqlStorage(admin);
  await observer.migrate();
});
afterAll(() => server.close());

/** The calls of a storage. Each returns what it has stored or read. */
const CALLS = {
  async readState(storage: MysqlStorage, roomId: string) {
    return (await storage.readState(roomId, [CREATE, member(ALICE)], inTime()))?.events.length;
  },
  async appendEvent(storage: MysqlStorage, roomId: string) {
    const basis = await basisFor(observer, roomId, BOB);
    const { outcome } = await storage.appendEvent(inviteOf(roomId, BOB, REASON), basis, inTime());
    const stored = await observer.readState(roomId, [member(BOB)], inTime());
    return [outcome, stored?.events[0]?.content.reason];
  },
  async putState(storage: MysqlStorage, roomId: string) {
    const put = await storage.putState(stateEvent(roomId, NAME, { name: REASON }));
    const [event] = (await observer.readState(roomId, [NAME], inTime()))?.events ?? [];
    return [put?.eventId === event?.event_id, event?.content.name];
  },
  async createRoom(storage: MysqlStorage) {
    const room = newRoom();
    return [await storage.createRoom(room), (await observer.roomState(room.roomId))?.length];
  },
  async roomState(storage: MysqlStorage, roomId: string) {
    return (await storage.roomState(roomId))?.length;
  },
  async claimAddress(storage: MysqlStorage, roomId: string) {
    const key = { roomId, addressHash: 'a'.repeat(64) };
    await observer.claimAddress(key, inTime());
    await admin.query(
      'UPDATE matrix_pending_addresses SET claimed_until = claimed_until - INTERVAL 61 SECOND',
    );
    const { outcome } = await storage.claimAddress(key, inTime());
    return [outcome, (await observer.claimAddress(key, inTime())).outcome];
  },
  async settleAddress(storage: MysqlStorage, roomId: string) {
    const key = { roomId, addressHash: 'a'.repeat(64) };
    const invite = { token: 'token', displayName: REASON, publicKeys: [{ publicKey: 'key' }] };
    const settled = await storage.settleAddress(key, 'claim', invite, inTime());
    return [settled.displayName, (await observer.claimAddress(key, inTime())).outcome];
  },
  async timeline(storage: MysqlStorage, roomId: string) {
    return (await storage.timeline(roomId))?.events.length;
  },
};
type Call = keyof typeof CALLS;
const RIGHT: Record<Call, unknown> = {
  readState: 2,
  appendEvent: ['appended', REASON],
  putState: [true, REASON],
  createRoom: ['created', 2],
  roomState: 2,
  claimAddress: ['claimed', 'inProgress'],
  settleAddress: [REASON, 'stored'],
  timeline: 2,
};

/**
 * Runs every call on a connection that a host app gave back after these statements.
 *
 * @returns the calls for which the connection was closed
 */
async function runAll(statements: readonly string[], options: mysql.PoolOptions = {}): Promise<string[]> {
  const closed: string[] = [];
  for (const call of Object.keys(CALLS) as Call[]) {
    const pool = server.pool({ database: 'rooms', connectionLimit: 1, ...options });
    const storage = new MysqlStorage(pool);
    const room = newRoom();
    await observer.createRoom(room);
    const connection = await pool.getConnection();
    const { threadId } = connection;
    for (const statement of statements) await connection.query(statement);
    connection.release();
    expect([call, await CALLS[call](storage, room.roomId)]).toEqual([call, RIGHT[call]]);
    const next = await pool.getConnection();
    if (next.threadId !== threadId) closed.push(call);
    next.release();
    await pool.end();
  }
  return closed;
}

const ALL = Object.keys(CALLS);
const CHANGES = ['appendEvent', 'putState', 'createRoom', 'claimAddress', 'settleAddress'];

describe('a connection that is left', () => {
  it.each<[what: string, statements: readonly string[], closed: readonly string[]]>([
    ['inside a transaction', ['BEGIN'], ALL],
    ['inside a transaction with a row', ['BEGIN', 'INSERT INTO other.theirs VALUES (1)'], ALL],
    ['with an old snapshot', ['START TRANSACTION WITH CONSISTENT SNAPSHOT'], ALL],
    ['inside a transaction that only reads', ['START TRANSACTION READ ONLY'], ALL],
    ['with autocommit off', ['SET autocommit = 0'], ALL],
    ['inside an XA transaction', ["XA START 'theirs'"], ALL],
    // START TRANSACTION unlocks them.
    ['with locked tables', ['LOCK TABLES other.theirs READ'], ALL.filter((call) => call !== 'createRoom')],
    ['with a next transaction that only reads', ['SET TRANSACTION READ ONLY'], CHANGES.slice(2)],
    ['in another database', ['USE other'], ALL],
    ['with transactions that only read', ['SET SESSION TRANSACTION READ ONLY'], CHANGES],
    [
      'with a character set that JSON paths cannot have',
      ['SET character_set_connection = ucs2'],
      ['readState', 'appendEvent', 'putState'],
    ],
  ])('%s is closed, and the work is done on another', async (_, statements, closed) => {
    expect(await runAll(statements)).toEqual(closed);
    const [rows] = await admin.query('SELECT * FROM other.theirs');
    expect(rows).toEqual([]);
  });

  it.each<[what: string, statement: string]>([
    ['READ UNCOMMITTED', 'SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED'],
    ['SERIALIZABLE', 'SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE'],
    ['no SQL mode', "SET sql_mode = ''"],
    ['simultaneous assignments', "SET sql_mode = 'SIMULTANEOUS_ASSIGNMENT'"],
    ['ANSI', "SET sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE,PAD_CHAR_TO_FULL_LENGTH'"],
    ['ORACLE', "SET sql_mode = 'ORACLE,EMPTY_STRING_IS_NULL'"],
    ['a limit for SELECT', 'SET sql_select_limit = 1'],
    ['latin1', 'SET NAMES latin1'],
    ['gbk', 'SET NAMES gbk'],
    ['sjis', 'SET NAMES sjis'],
    ['results in ucs2', 'SET character_set_results = ucs2'],
    ['results as they are', 'SET character_set_results = NULL'],
    ['a collation that folds', 'SET collation_connection = utf8mb4_unicode_ci'],
    ['another time zone', "SET time_zone = '+13:00'"],
    ['no checks', 'SET unique_checks = 0, foreign_key_checks = 0'],
    ['safe updates', 'SET sql_safe_updates = 1'],
    ['a default engine without transactions', 'SET default_storage_engine = MyISAM'],
    ['a small group_concat and sort buffer', 'SET group_concat_max_len = 4, sort_buffer_size = 1024'],
    ['a one-time isolation level', 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE'],
    ['a user lock', "DO GET_LOCK('theirs', 1)"],
    ['no optimizations', "SET optimizer_switch = 'subquery_cache=off,materialization=off,derived_merge=off'"],
  ])('with %s is used as it is', async (_, statement) => {
    expect(await runAll([statement])).toEqual([]);
  });

  it('in a transaction that begins while a statement runs: the statement is rolled back, and stored once', async () => {
    const room = newRoom();
    await observer.createRoom(room);
    const pool = server.pool({ database: 'rooms', connectionLimit: 2 });
    const storage = new MysqlStorage(pool);
    const held = await pool.getConnection();
    // The host app keeps using the connection that it has released. mysql2 sends this before the insert.
    const driver = held.connection as unknown as { query(...parameters: unknown[]): unknown };
    const query = driver.query.bind(driver);
    let times = 0;
    driver.query = (...parameters) => {
      const [{ sql }] = parameters as [{ sql: string }];
      if (sql.includes('INSERT INTO matrix_events')) {
        times += 1;
        query('BEGIN', () => {});
      }
      return query(...parameters);
    };
    held.release();
    const basis = await basisFor(observer, room.roomId, BOB);
    expect(await storage.appendEvent(inviteOf(room.roomId, BOB), basis, inTime())).toMatchObject({
      outcome: 'appended',
    });
    expect(times).toBe(1);
    expect((await observer.timeline(room.roomId))?.events).toHaveLength(3);
  });

  it('fails if every connection of the pool has autocommit off, with the reason, and nothing is stored', async () => {
    const room = newRoom();
    await observer.createRoom(room);
    const pool = server.pool({ database: 'rooms' });
    pool.on('connection', (connection) => connection.query('SET autocommit = 0'));
    const basis = await basisFor(observer, room.roomId, BOB);
    const storage = new MysqlStorage(pool);
    const failure = await storageErrorOf(storage.appendEvent(inviteOf(room.roomId, BOB), basis, inTime()));
    expect(failure).toMatchObject({ isNotStored: true, cause: { name: 'InTransactionError' } });
    expect((await observer.timeline(room.roomId))?.events).toHaveLength(2);
  });
});

describe('a pool with', () => {
  it.each<[what: string, options: mysql.PoolOptions]>([
    ['rowsAsArray', { rowsAsArray: true }],
    ['nestTables', { nestTables: true } as mysql.PoolOptions],
    ['dateStrings', { dateStrings: true }],
    ['typeCast: false', { typeCast: false }],
    ['its own typeCast', { typeCast: () => 'theirs' }],
    ['namedPlaceholders', { namedPlaceholders: true }],
    ['big numbers as strings', { supportBigNumbers: true, bigNumberStrings: true }],
    ['decimalNumbers', { decimalNumbers: true }],
    ['jsonStrings', { jsonStrings: true }],
    ['multipleStatements', { multipleStatements: true }],
    ['stringifyObjects', { stringifyObjects: true }],
    ['disableEval', { disableEval: true } as mysql.PoolOptions],
    ['compress', { compress: true } as mysql.PoolOptions],
    ['resetOnRelease', { resetOnRelease: true } as mysql.PoolOptions],
    ['charset: latin1', { charset: 'latin1' }],
    ['charset: utf8mb3', { charset: 'UTF8_GENERAL_CI' }],
    ['charset: gbk', { charset: 'GBK_CHINESE_CI' }],
    ['timezone', { timezone: '+14:00' }],
    ['flags', { flags: ['-FOUND_ROWS', '+IGNORE_SPACE'] }],
  ])('%s makes no difference', async (_, options) => {
    expect(await runAll([], options)).toEqual([]);
  });
});
