import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresStorage } from '../../../adapters/storage/postgres/index.ts';
import { TestPostgres } from '../../../servers/test-postgres.ts';
import { openRefusingHost } from '../../support/refusing-host.ts';

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
  const pool = database.pool(as === undefined ? {} : { options: `-c role=${as}` });
  return openRefusingHost(
    new PostgresStorage(admin, { tablePrefix }),
    new PostgresStorage(pool, { tablePrefix }),
    () => admin.query(sql.replaceAll('PREFIX_', tablePrefix)),
  );
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
    await host.expectRefused(status, { code, severity: 'ERROR' }, isLong ? noise : '');
  });

  it('(row-level security) is refused too, though its SQLSTATE is that of a missing right', async () => {
    await database.pool().query('CREATE ROLE app');
    const host = await openHost(
      `GRANT ALL ON PREFIX_rooms, PREFIX_events, PREFIX_state, PREFIX_schema TO app;
       ALTER TABLE PREFIX_events ENABLE ROW LEVEL SECURITY;
       CREATE POLICY app ON PREFIX_events TO app USING (true) WITH CHECK (content NOT LIKE '%xyzzy%')`,
      { as: 'app' },
    );
    expect((await host.invites('xyzzy')).status).toBe(403);
    expect((await host.invites('welcome')).status).toBe(200);
    await database.pool().query('DROP OWNED BY app; DROP ROLE app');
  });

  it('names the constraint in the log', async () => {
    const host = await openHost(
      "ALTER TABLE PREFIX_events ADD CONSTRAINT no_xyzzy CHECK (content NOT LIKE '%xyzzy%')",
    );
    await host.invites('xyzzy');
    expect(host.logs).toMatchObject([
      { err: { constraint: 'no_xyzzy', table: expect.stringMatching(/_events$/) } },
    ]);
  });
});
