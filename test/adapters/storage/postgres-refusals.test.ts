import { inspect } from 'node:util';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresStorage } from '../../../adapters/storage/postgres/index.ts';
import { TestPostgres } from '../../../servers/test-postgres.ts';
import { invite, invitesOf, seedRoom, setUp } from '../../http/support.ts';
import { newRoom } from '../../support/storage-room.ts';

const SECRET = 'xyzzy 12 Grüße';
const INVITEE = '@private-person:example.org';

let database: TestPostgres;
let prefixes = 0;

beforeAll(async () => {
  database = await TestPostgres.open();
  await database.pool().query('CREATE TABLE people (name text PRIMARY KEY)');
});
afterAll(() => database?.close());

/** Opens a host app whose tables have the constraints and triggers of `sql`, which names a table `events` or `state`. */
async function openHost(sql: string, { as = undefined as string | undefined } = {}) {
  prefixes += 1;
  const tablePrefix = `t${prefixes}_`;
  const admin = database.pool();
  const observer = new PostgresStorage(admin, { tablePrefix });
  await observer.migrate();
  const roomId = await seedRoom(observer, { roomId: newRoom().roomId });
  await admin.query(sql.replaceAll('PREFIX_', tablePrefix));
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const json = pino({ level: 'debug', serializers: { err: pino.stdSerializers.errWithCause } }, stream);
  const logs: Record<string, unknown>[] = [];
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (details: object, message: string) => {
    logs.push({ level, ...details });
    json[level](details, message);
    lines.push(inspect(details, { depth: 20, showHidden: true }));
  };
  const { app } = setUp({
    storage: new PostgresStorage(database.pool(as === undefined ? {} : { options: `-c role=${as}` }), {
      tablePrefix,
    }),
    logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    rateLimit: new MemoryRateLimit({ invitee: { points: 1, durationSeconds: 1_000 } }),
  });
  return {
    lines,
    logs,
    invites: (reason: string) => invite(app, { roomId, body: { user_id: INVITEE, reason } }),
    stored: () => invitesOf(observer, INVITEE, roomId),
  };
}

/** A trigger on events whose reason is the secret. */
const trigger = (body: string) => `
CREATE FUNCTION PREFIX_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.content LIKE '%xyzzy%' THEN ${body} END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE INSERT ON PREFIX_events FOR EACH ROW EXECUTE FUNCTION PREFIX_guard()`;

describe("what a host app's own database rejects", () => {
  it.each<[name: string, sql: string, status: number, code: string]>([
    [
      'a CHECK constraint',
      "ALTER TABLE PREFIX_events ADD CONSTRAINT no_xyzzy CHECK (content NOT LIKE '%xyzzy%')",
      403,
      '23514',
    ],
    [
      'a foreign key',
      `ALTER TABLE PREFIX_state ADD COLUMN person text GENERATED ALWAYS AS (CASE WHEN content LIKE '%xyzzy%' THEN content END)
       STORED REFERENCES people`,
      403,
      '23503',
    ],
    [
      'an exclusion constraint',
      `ALTER TABLE PREFIX_events ADD EXCLUDE USING btree (type WITH =) WHERE (content LIKE '%xyzzy%');
       INSERT INTO PREFIX_events SELECT 'x', 1, 'x', 'm.room.member', '', '', 1, 'xyzzy'`,
      403,
      '23P01',
    ],
    ['a trigger', trigger("RAISE EXCEPTION 'not here' USING DETAIL = NEW.content;"), 403, 'P0001'],
    [
      'a trigger, with its own SQLSTATE',
      trigger("RAISE EXCEPTION 'not here' USING ERRCODE = 'U0001', HINT = NEW.content;"),
      403,
      'U0001',
    ],
    ['NOT NULL', trigger('NEW.content := NULL;'), 500, '23502'],
    [
      'a unique index',
      `CREATE UNIQUE INDEX ON PREFIX_events ((content LIKE '%xyzzy%')) WHERE content LIKE '%xyzzy%';
       INSERT INTO PREFIX_events SELECT 'x', 1, 'x', '', '', '', 1, 'xyzzy'`,
      500,
      '23505',
    ],
    ['a column that is too short', 'ALTER TABLE PREFIX_events ALTER content TYPE varchar(100)', 500, '22001'],
    ['a trigger that divides', trigger('PERFORM 1 / 0;'), 500, '22012'],
    ['a trigger that converts', trigger("PERFORM (NEW.content::json ->> 'reason')::integer;"), 500, '22P02'],
    ['an index row that is too large', 'CREATE INDEX ON PREFIX_events (content)', 500, '54000'],
    ['an assertion', trigger("ASSERT false, 'no';"), 500, 'P0004'],
  ])('(%s) is refused, refunded and logged without content', async (name, sql, status, code) => {
    const host = await openHost(sql);
    const noise = Array.from({ length: 8_000 }, (_, index) => (index * 7919).toString(36)).join('');
    const isLong = name.includes('too large') || name.includes('too short');
    const reason = isLong ? SECRET + noise : SECRET;
    const refused = await host.invites(reason);
    expect([refused.status, refused.body.errcode]).toEqual([
      status,
      status === 403 ? 'M_FORBIDDEN' : 'M_UNKNOWN',
    ]);
    expect(refused.headers).not.toHaveProperty('retry-after');
    expect(await host.stored()).toBe(0);
    expect(host.logs).toMatchObject([
      { status, level: status === 403 ? 'info' : 'error', tries: 1, err: { code, severity: 'ERROR' } },
    ]);
    const text = host.lines.join('\n');
    for (const part of [SECRET, 'xyzzy', 'Grü', 'private-person']) {
      // A part of the constraint's own name is no content.
      expect(text.replaceAll('no_xyzzy', '')).not.toContain(part);
    }

    // Within a limit of one: the refused invite has cost nothing.
    const invited = await host.invites('welcome');
    expect(invited.status).toBe(200);
    expect(await host.stored()).toBe(1);
  });

  it('(row-level security) is refused too, though its SQLSTATE is that of a missing right', async () => {
    await database.pool().query('CREATE ROLE app');
    const host = await openHost(
      `GRANT ALL ON PREFIX_rooms, PREFIX_events, PREFIX_state, PREFIX_schema TO app;
       ALTER TABLE PREFIX_events ENABLE ROW LEVEL SECURITY;
       CREATE POLICY app ON PREFIX_events TO app USING (true) WITH CHECK (content NOT LIKE '%xyzzy%')`,
      { as: 'app' },
    );
    expect((await host.invites(SECRET)).status).toBe(403);
    expect((await host.invites('welcome')).status).toBe(200);
    await database.pool().query('DROP OWNED BY app; DROP ROLE app');
  });

  it('names the constraint in the log', async () => {
    const host = await openHost(
      "ALTER TABLE PREFIX_events ADD CONSTRAINT no_xyzzy CHECK (content NOT LIKE '%xyzzy%')",
    );
    await host.invites(SECRET);
    expect(host.logs).toMatchObject([
      { err: { constraint: 'no_xyzzy', table: expect.stringMatching(/_events$/) } },
    ]);
  });
});
