import { DatabaseSync } from '@photostructure/sqlite';
import { transactionalStorage } from '../../../adapters/storage/transactional/index.ts';
import { MatrixError, StorageUnavailableError } from '../../../src/errors.ts';
import type { JsonObject, StateKey, StrippedStateEvent } from '../../../src/rooms/event.ts';
import type { StorageHarness } from '../../../src/testing/index.ts';

const SCHEMA = `
  PRAGMA foreign_keys = ON;
  CREATE TABLE users (id INTEGER PRIMARY KEY);
  CREATE TABLE rooms (id INTEGER PRIMARY KEY, owner INTEGER REFERENCES users, invite_level INTEGER);
  CREATE TABLE members (
    room INTEGER REFERENCES rooms, member INTEGER REFERENCES users, changed_by INTEGER REFERENCES users, level INTEGER,
    membership TEXT, displayname TEXT CHECK (length(displayname) <= 64), reason TEXT CHECK (length(reason) <= 255),
    more TEXT, PRIMARY KEY (room, member)
  );
  CREATE INDEX admins ON members (room) WHERE level > 0;
`;

const UPSERT_MEMBER = `
  INSERT INTO members VALUES (?, ?, ?, 0, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET changed_by = excluded.changed_by,
    membership = excluded.membership, displayname = excluded.displayname, reason = excluded.reason, more = excluded.more
`;

type Row = Readonly<Record<string, unknown>>;

const roomIdOf = (id: unknown): string => `!${id}:numbers.example`;
const userIdOf = (id: unknown): string => `@user${id}:numbers.example`;

/** Returns the number in an ID of this host's, or 0, which no row has. */
const numberIn = (pattern: RegExp, id: string): number => Number(pattern.exec(id)?.[1] ?? 0);
const roomNumber = (roomId: string): number => numberIn(/^!([1-9]\d{0,14}):numbers\.example$/, roomId);
const userNumber = (userId: string): number => numberIn(/^@user([1-9]\d{0,14}):numbers\.example$/, userId);

/**
 * A host app whose tables number their rooms and users, with columns of limited length: its IDs are its own, whatever
 * the cases propose.
 */
export function numberedTablesHarness(): StorageHarness {
  const database = new DatabaseSync(':memory:');
  database.exec(SCHEMA);
  const get = (sql: string, ...values: (string | number)[]): Row | undefined =>
    database.prepare(sql).get(...values);
  const run = (sql: string, ...values: (string | number | null)[]) => database.prepare(sql).run(...values);

  let last: Promise<unknown> = Promise.resolve();
  /** One lock for all rooms. */
  const transact = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(async () => {
      database.exec('BEGIN IMMEDIATE');
      try {
        const result = await work();
        database.exec('COMMIT');
        return result;
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    });
    last = done.catch(() => {});
    return done;
  };

  const eventUnder = (room: Row, key: StateKey): StrippedStateEvent | undefined => {
    const byOwner = { ...key, sender: userIdOf(room.owner) };
    if (key.type === 'm.room.member') {
      const row = get(
        'SELECT * FROM members WHERE room = ? AND member = ?',
        Number(room.id),
        userNumber(key.state_key),
      );
      return row && { ...key, sender: userIdOf(row.changed_by), content: contentOf(row) };
    }
    if (key.state_key !== '') return undefined;
    if (key.type === 'm.room.create') return { ...byOwner, content: { room_version: '11' } };
    if (key.type !== 'm.room.power_levels') return undefined;
    const levels: Row[] = database
      .prepare('SELECT member, level FROM members WHERE room = ? AND level > 0 ORDER BY member')
      .all(Number(room.id));
    const users = Object.fromEntries(levels.map(({ member, level }) => [userIdOf(member), Number(level)]));
    return { ...byOwner, content: { users, users_default: 0, invite: Number(room.invite_level) } };
  };

  const setMember = (roomId: string, userId: string, sender: string, content: JsonObject) => {
    const { membership, displayname, reason, ...more } = content;
    const texts = [membership, displayname, reason].map((value) =>
      value === undefined ? null : String(value),
    );
    const numbers = [roomNumber(roomId), userNumber(userId), userNumber(sender)];
    run(UPSERT_MEMBER, ...numbers, ...texts, JSON.stringify(more));
  };

  const setLevels = (roomId: string, users: Readonly<Record<string, number>>) => {
    run('UPDATE members SET level = 0 WHERE room = ?', roomNumber(roomId));
    for (const [userId, level] of Object.entries(users)) {
      run(
        'UPDATE members SET level = ? WHERE room = ? AND member = ?',
        level,
        roomNumber(roomId),
        userNumber(userId),
      );
    }
  };

  return {
    adapter: transactionalStorage<undefined>({
      transact: (_roomId, work) => transact(() => work(undefined)),
      async readState(_tx, roomId, keys) {
        const room = get('SELECT * FROM rooms WHERE id = ?', roomNumber(roomId));
        return room && keys.flatMap((key) => eventUnder(room, key) ?? []);
      },
      async insert(_tx, event) {
        try {
          setMember(event.room_id, event.state_key, event.sender, event.content);
        } catch (cause) {
          if (!String(cause).includes('CHECK constraint'))
            throw new StorageUnavailableError('Not stored', { cause });
          throw new MatrixError(413, 'M_TOO_LARGE', 'The name or the reason is too long', { cause });
        }
      },
    }),
    createUsers: async (proposed) =>
      transact(async () =>
        proposed.map(() => userIdOf(run('INSERT INTO users VALUES (NULL)').lastInsertRowid)),
      ),
    createRoom: ({ creator, members, powerLevels: { users, invite } }) =>
      transact(async () => {
        const { lastInsertRowid } = run('INSERT INTO rooms VALUES (NULL, ?, ?)', userNumber(creator), invite);
        const roomId = roomIdOf(lastInsertRowid);
        for (const [userId, membership] of Object.entries(members))
          setMember(roomId, userId, creator, { membership });
        setLevels(roomId, users);
        return { roomId };
      }),
    setMembership: (roomId, userId, membership, sender) =>
      transact(async () => setMember(roomId, userId, sender, { membership })),
    setPowerLevels: (roomId, { users, invite }) =>
      transact(async () => {
        setLevels(roomId, users);
        run('UPDATE rooms SET invite_level = ? WHERE id = ?', invite, roomNumber(roomId));
      }),
    refusedContent: { membership: 'invite', reason: 'x'.repeat(256) },
    limits: {
      longUserIds: 'user IDs are made of row numbers',
      longStrings: 'columns have 64 or 255 characters',
      nul: 'TEXT ends at NUL',
    },
    async close() {
      database.close();
    },
  };
}

function contentOf({ membership, displayname, reason, more }: Row): JsonObject {
  const columns = Object.entries({ membership, displayname, reason }).filter(([, value]) => value !== null);
  return { ...Object.fromEntries(columns), ...JSON.parse(String(more)) };
}
