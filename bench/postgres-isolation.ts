/**
 * Compares the ways in which PostgreSQL can reject an invite whose basis is stale.
 * Run it by hand: npx tsx bench/postgres-isolation.ts [seconds per round] [rounds]
 */
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type pg from 'pg';
import { PostgresStorage } from '../adapters/storage/postgres/index.ts';
import { PostgresServer } from '../servers/postgres-server.ts';

const seconds = Number(process.argv[2] ?? 1);
const rounds = Number(process.argv[3] ?? 5);
const CALLERS = 32;
const ROOMS = 1_000;
const ALICE = '@alice:example.org';
const TYPES = ['m.room.create', 'm.room.power_levels', 'm.room.member', 'm.room.member'];

const server = await PostgresServer.start();
const pool = server.pool({ max: CALLERS });
const storage = new PostgresStorage(pool);
await storage.migrate();
await pool.query('CREATE TABLE narrow (id bigserial PRIMARY KEY, room text, body text)');

const roomIds = Array.from({ length: ROOMS }, (_, index) => `!room${index}:example.org`);
for (const roomId of roomIds) {
  const event = { sender: ALICE, origin_server_ts: 1 };
  await storage.createRoom({
    roomId,
    state: [
      { ...event, type: 'm.room.create', state_key: '', content: { room_version: '11' } },
      { ...event, type: 'm.room.power_levels', state_key: '', content: { users: { [ALICE]: 100 } } },
      { ...event, type: 'm.room.member', state_key: ALICE, content: { membership: 'join' } },
    ],
  });
}

/** Compares the basis under a shared lock. The position is the transaction's ID, so commits are not in order. */
const SHARED_ADVISORY = functionOf(
  'bench_advisory',
  `PERFORM pg_advisory_xact_lock_shared(hashtextextended(p_room_id, 0));`,
);
/** Locks the rows of the basis for sharing. Only the primary key protects an absent key. */
const FOR_SHARE = functionOf(
  'bench_for_share',
  `PERFORM 1 FROM matrix_state AS s, unnest(p_types, p_keys) AS b (type, state_key)
     WHERE s.room_id = p_room_id AND s.type = b.type AND s.state_key = b.state_key FOR SHARE OF s;`,
);
const SERIALIZABLE = functionOf('bench_serializable', '');
for (const sql of [SHARED_ADVISORY, FOR_SHARE, SERIALIZABLE]) await pool.query(sql);

function functionOf(name: string, lock: string): string {
  return `CREATE FUNCTION ${name}(p_room_id text, p_types text[], p_keys text[], p_ids text[], p_event_id text,
    p_state_key text, p_content text) RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
  ${lock}
  IF EXISTS (
    SELECT 1 FROM unnest(p_types, p_keys, p_ids) AS basis (type, state_key, event_id)
    LEFT JOIN matrix_state AS stored
      ON stored.room_id = p_room_id AND stored.type = basis.type AND stored.state_key = basis.state_key
    WHERE stored.event_id IS DISTINCT FROM basis.event_id
  ) THEN
    RETURN NULL;
  END IF;
  INSERT INTO matrix_state VALUES (p_room_id, 'm.room.member', p_state_key, pg_current_xact_id()::text::bigint,
    p_event_id, '${ALICE}', p_content) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  INSERT INTO matrix_events VALUES (p_room_id, 1000000000 + pg_current_xact_id()::text::bigint, p_event_id,
    'm.room.member', p_state_key, '${ALICE}', 1, p_content);
  RETURN p_event_id;
END
$body$`;
}

type Append = (roomId: string, userId: string) => Promise<void>;

const basisIds = new Map<string, string[]>();
for (const roomId of roomIds) {
  const state = (await storage.roomState(roomId)) ?? [];
  const idOf = (type: string) => state.find((event) => event.type === type)?.event_id ?? '';
  basisIds.set(roomId, TYPES.slice(0, 3).map(idOf));
}

const adapter: Append = (roomId, userId) => appendTo(storage, roomId, userId);

/** Uses a new storage for each append, so that no other append can share its commit. */
const adapterUnshared: Append = (roomId, userId) => appendTo(new PostgresStorage(pool), roomId, userId);

async function appendTo(store: PostgresStorage, roomId: string, userId: string): Promise<void> {
  const ids = basisIds.get(roomId) ?? [];
  const keys = TYPES.map((type, index) => ({
    type,
    state_key: index < 2 ? '' : index === 2 ? ALICE : userId,
  }));
  const events = ids.map((event_id, index) => ({
    ...(keys[index] ?? { type: '', state_key: '' }),
    event_id,
    sender: ALICE,
    content: {},
  }));
  const result = await store.appendEvent(
    {
      ...{ type: 'm.room.member', state_key: userId },
      room_id: roomId,
      sender: ALICE,
      origin_server_ts: 1,
      content: { membership: 'invite' },
    },
    { roomId, keys, events, revision: undefined },
    { signal: new AbortController().signal },
  );
  if (result.outcome !== 'appended') throw new Error(result.outcome);
}

let retries = 0;

function callFunction(name: string, isolation?: 'serializable'): Append {
  return async (roomId, userId) => {
    const query = {
      name,
      text: `SELECT ${name}($1, $2, $3, $4, $5, $6, $7) AS event_id`,
      values: [
        roomId,
        TYPES,
        ['', '', ALICE, userId],
        [...(basisIds.get(roomId) ?? []), null],
        `$${randomUUID()}`,
        userId,
        '{"membership":"invite"}',
      ],
    };
    for (;;) {
      try {
        const { rows } = await (isolation === undefined ? pool : serializable).query(query);
        if (rows[0]?.event_id === null) throw new Error('stale');
        return;
      } catch (error) {
        if ((error as { code?: string }).code !== '40001') throw error;
        retries += 1;
      }
    }
  };
}

const serializable: pg.Pool = server.pool({
  max: CALLERS,
  options: '-c default_transaction_isolation=serializable',
});

const methods: Record<string, Append> = {
  'a: row of the room (adapter)': adapter,
  'a, one commit per append': adapterUnshared,
  'b: shared advisory lock': callFunction('bench_advisory'),
  'c: FOR SHARE on the basis': callFunction('bench_for_share'),
  'd: SERIALIZABLE, retried': callFunction('bench_serializable', 'serializable'),
  'one INSERT, no check': async (roomId) => {
    await pool.query({
      name: 'narrow',
      text: 'INSERT INTO narrow (room, body) VALUES ($1, $2)',
      values: [roomId, 'x'],
    });
  },
};

/** Returns the appends per second. */
async function rateOf(append: Append, rooms: readonly string[]): Promise<number> {
  const until = performance.now() + seconds * 1_000;
  const startedAt = performance.now();
  let done = 0;
  const caller = async () => {
    while (performance.now() < until) {
      await append(rooms[Math.floor(Math.random() * rooms.length)] ?? '', `@${randomUUID()}:example.org`);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return (done / (performance.now() - startedAt)) * 1_000;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return (
    ((sorted[Math.floor((sorted.length - 1) / 2)] ?? 0) + (sorted[Math.ceil((sorted.length - 1) / 2)] ?? 0)) /
    2
  );
}

/** Returns the median time of reads in a quiet room: alone, and while all callers append to the hot room. */
async function readTimes(poolSize: number): Promise<{ alone: number; besideHotRoom: number }> {
  const shared = new PostgresStorage(server.pool({ max: poolSize }));
  const call = async () => {
    const startedAt = performance.now();
    await shared.readState(roomIds[1] ?? '', [{ type: 'm.room.create', state_key: '' }], {
      signal: new AbortController().signal,
    });
    return performance.now() - startedAt;
  };
  const medianTime = async (milliseconds: number) => {
    const durations: number[] = [];
    for (const until = performance.now() + milliseconds; performance.now() < until; )
      durations.push(await call());
    return median(durations);
  };
  await call();
  const alone = await medianTime(500);
  let stopped = false;
  const crowd = Array.from({ length: CALLERS }, async () => {
    while (!stopped) {
      const userId = `@${randomUUID()}:example.org`;
      const keys = [{ type: 'm.room.member', state_key: userId }];
      await shared.appendEvent(
        {
          room_id: roomIds[0] ?? '',
          type: 'm.room.member',
          state_key: userId,
          sender: ALICE,
          origin_server_ts: 1,
          content: { membership: 'invite' },
        },
        { roomId: roomIds[0] ?? '', keys, events: [], revision: undefined },
        { signal: new AbortController().signal },
      );
    }
  });
  const besideHotRoom = await medianTime(2_000);
  stopped = true;
  await Promise.all(crowd);
  return { alone, besideHotRoom };
}

for (const [title, rooms] of [
  ['one hot room', roomIds.slice(0, 1)],
  [`${ROOMS} rooms`, roomIds],
] as const) {
  const rates = new Map<string, number[]>(Object.keys(methods).map((name) => [name, []]));
  const retriesOf = new Map<string, number>();
  for (const append of Object.values(methods)) await rateOf(append, rooms);
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, append] of Object.entries(methods)) {
      retries = 0;
      rates.get(name)?.push(await rateOf(append, rooms));
      retriesOf.set(name, (retriesOf.get(name) ?? 0) + retries);
    }
  }
  const [base = 1] = [...rates.values()].map(median);
  console.log(`\n${title}, ${CALLERS} callers, ${rounds} rounds of ${seconds} s`);
  for (const [name, values] of rates) {
    const range = `${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)}`;
    const retriesText = retriesOf.get(name) ? `, ${retriesOf.get(name)} retries` : '';
    console.log(
      `${name.padEnd(28)} ${median(values).toFixed(0)}/s (${range}), ${(median(values) / base).toFixed(2)}${retriesText}`,
    );
  }
}

console.log(
  `\nmedian time of a read in another room on the same pool, in ms: alone, and beside ${CALLERS} callers in a hot room`,
);
for (const poolSize of [4, 10, 20, 40]) {
  const { alone, besideHotRoom } = await readTimes(poolSize);
  console.log(`pool of ${String(poolSize).padEnd(3)} ${alone.toFixed(2)} ${besideHotRoom.toFixed(2)}`);
}
await server.close();
