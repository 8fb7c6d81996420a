import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MysqlStorage } from '../../../adapters/storage/mysql/index.ts';
import { TestMariadb } from '../../../servers/test-mariadb.ts';
import { openRefusingHost } from '../../support/refusing-host.ts';
import { ALICE, CREATE, invite, inviteOf, newRoom, stateEvent } from '../../support/storage-room.ts';

let database: TestMariadb;
let prefixes = 0;

beforeAll(async () => {
  database = await TestMariadb.open();
  await database.pool().query('CREATE TABLE people (name VARCHAR(50) PRIMARY KEY) ENGINE = InnoDB');
});
afterAll(() => database?.close());

/** Opens a host app whose tables have the constraints and triggers of `statements`. */
async function openHost(statements: readonly string[]) {
  prefixes += 1;
  const tablePrefix = `t${prefixes}_`;
  const admin = database.pool();
  return openRefusingHost(
    new MysqlStorage(admin, { tablePrefix }),
    new MysqlStorage(database.pool(), { tablePrefix }),
    async () => {
      for (const statement of statements) await admin.query(statement.replaceAll('PREFIX_', tablePrefix));
    },
  );
}

/** A trigger on events whose reason is the secret. */
const trigger = (body: string) => [
  `CREATE TRIGGER PREFIX_guard BEFORE INSERT ON PREFIX_events FOR EACH ROW
   BEGIN IF NEW.content LIKE '%xyzzy%' THEN ${body} END IF; END`,
];

describe("what a host app's own database rejects", () => {
  it.each<[name: string, statements: readonly string[], status: number, errno: number]>([
    [
      'a CHECK constraint',
      ["ALTER TABLE PREFIX_events ADD CONSTRAINT no_xyzzy CHECK (content NOT LIKE '%xyzzy%')"],
      403,
      4025,
    ],
    [
      'a foreign key',
      [
        'ALTER TABLE PREFIX_events ADD COLUMN person VARCHAR(50), ADD FOREIGN KEY (person) REFERENCES people (name)',
        ...trigger("SET NEW.person = 'nobody';"),
      ],
      403,
      1452,
    ],
    ['a trigger', trigger("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not here';"), 403, 1644],
    ['a trigger, with its own SQLSTATE', trigger("SIGNAL SQLSTATE 'U0001';"), 403, 1644],
    [
      'a trigger, with its own number',
      trigger("SIGNAL SQLSTATE '45123' SET MYSQL_ERRNO = 30001, MESSAGE_TEXT = 'not here';"),
      403,
      30001,
    ],
    ['NOT NULL', trigger('SET NEW.content = NULL;'), 500, 1048],
    [
      'a unique index',
      [
        "ALTER TABLE PREFIX_events ADD COLUMN once INT AS (IF(content LIKE '%xyzzy%', 1, NULL)) UNIQUE",
        `INSERT INTO PREFIX_events (room_id, position, type, state_key, event_id, sender, origin_server_ts, content)
         VALUES ('x', 1, '', '', '', '', 1, 'xyzzy')`,
      ],
      500,
      1062,
    ],
    ['a column without a default', ['ALTER TABLE PREFIX_events ADD COLUMN required INT NOT NULL'], 500, 1364],
    ['a column that is too short', trigger("SET NEW.sender = REPEAT('x', 1000);"), 500, 1406],
    ['a trigger that converts', trigger("SET NEW.position = 'one';"), 500, 1366],
  ])('(%s) is refused, refunded and logged without content', async (name, statements, status, errno) => {
    const host = await openHost(statements);
    if (name === 'a column without a default') {
      expect((await host.invites('welcome')).status).toBe(status);
      expect(host.logs).toMatchObject([{ status, level: 'error', tries: 1, err: { errno } }]);
    } else await host.expectRefused(status, { errno });
  });

  it('does not affect other events of the same statement', async () => {
    const store = new MysqlStorage(database.pool(), { tablePrefix: 'shared_' });
    await store.migrate();
    await database.pool().query("ALTER TABLE shared_events ADD CHECK (content NOT LIKE '%xyzzy%')");
    const rooms = Array.from({ length: 10 }, () => newRoom());
    for (const room of rooms) await store.createRoom(room);
    const results = await Promise.all(
      rooms.map(async ({ roomId }, index) => {
        const event = inviteOf(roomId, '@bob:example.org', index === 4 ? 'xyzzy' : 'welcome');
        const key = { type: event.type, state_key: event.state_key };
        const context = { signal: AbortSignal.timeout(60_000) };
        const basis = await store.readState(roomId, [CREATE, key], context);
        if (basis === undefined) throw new Error('no room');
        return (await store.appendEvent(event, basis, context)).outcome;
      }),
    );
    expect(results).toEqual(rooms.map((_, index) => (index === 4 ? 'refused' : 'appended')));
  });

  it.each(['', 'STRICT_ALL_TABLES'])(
    'includes IDs that are longer than their columns, which are not cut (sql_mode %j)',
    async (mode) => {
      const pool = database.pool({ connectionLimit: 1 });
      await pool.query('SET sql_mode = ?', [mode]);
      const store = new MysqlStorage(pool, { tablePrefix: 'long_' });
      await store.migrate();
      const { roomId, state } = newRoom();
      await store.createRoom({ roomId, state });
      const long = `@${'x'.repeat(510)}`;
      expect(await invite(store, roomId, long)).toMatchObject({ outcome: 'refused', error: { status: 500 } });
      expect(await invite(store, roomId, long.slice(0, 510))).toMatchObject({ outcome: 'appended' });
      await expect(
        store.putState(stateEvent(roomId, { type: long, state_key: '' }, {})),
      ).rejects.toMatchObject({ isNotStored: true, cause: { errno: 1406 } });
      await expect(store.createRoom({ roomId: `!${long}`, state })).rejects.toMatchObject({
        isNotStored: true,
      });
      const unknown = `!${long}`;
      expect(await store.roomState(unknown)).toBeUndefined();
      expect(await store.timeline(unknown)).toBeUndefined();
      expect(await store.putState(stateEvent(unknown, CREATE, {}))).toBeUndefined();
      const members = (await store.roomState(roomId))?.map(({ state_key }) => state_key);
      expect(members).toEqual(['', ALICE, long.slice(0, 510)]);
    },
  );
});
