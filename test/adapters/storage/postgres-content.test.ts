import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresStorage } from '../../../adapters/storage/postgres/index.ts';
import { TestPostgres } from '../../../servers/test-postgres.ts';
import type { StateKey } from '../../../src/rooms/event.ts';
import { CREATE, inTime, newRoom } from '../../support/storage-room.ts';
import { testStoredContent } from '../../support/stored-content.ts';

let database: TestPostgres;
let storage: PostgresStorage;

beforeAll(async () => {
  database = await TestPostgres.open();
  storage = new PostgresStorage(database.pool());
  await storage.migrate();
});
afterAll(() => database?.close());

/** Changes the stored content of an event behind the store's back. */
async function overwrite(roomId: string, { type, state_key }: StateKey, content: string): Promise<void> {
  for (const table of ['state', 'events']) {
    await database
      .pool()
      .query(`UPDATE matrix_${table} SET content = $4 WHERE room_id = $1 AND type = $2 AND state_key = $3`, [
        roomId,
        type,
        state_key,
        content,
      ]);
  }
}

testStoredContent(() => storage, overwrite);

describe('a content', () => {
  it('that is not JSON does not affect reads in the same statement, nor the connection', async () => {
    const pool = database.pool({ max: 1 });
    const [spoiled, sound] = [newRoom(), newRoom()];
    const ofOneConnection = new PostgresStorage(pool);
    for (const room of [spoiled, sound]) await ofOneConnection.createRoom(room);
    await overwrite(spoiled.roomId, CREATE, '{');
    const connection = async () => (await pool.query('SELECT pg_backend_pid()')).rows[0];
    const before = await connection();
    const [one, other] = await Promise.all(
      [spoiled, sound].map(({ roomId }) => ofOneConnection.readState(roomId, [CREATE], inTime())),
    );
    expect(() => one?.events[0]?.content).toThrow(/is not valid JSON/);
    expect(other?.events).toMatchObject([{ content: { room_version: '11' } }]);
    expect(await connection()).toEqual(before);
  });
});
