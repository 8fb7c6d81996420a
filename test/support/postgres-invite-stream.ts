// A process that invites one user after the other, eight at a time, and prints the id of each event once it is
// appended: postgres-invite-stream.ts <port> <room id> <name of the users> <how many>
import { writeSync } from 'node:fs';
import pg from 'pg';
import { PostgresStorage } from '../../adapters/storage/postgres/index.ts';
import { invite } from './storage-room.ts';

const [port = '', roomId = '', name = '', count = ''] = process.argv.slice(2);
const pool = new pg.Pool({
  host: '127.0.0.1',
  port: Number(port),
  user: 'postgres',
  database: 'postgres',
  max: 8,
});
const storage = new PostgresStorage(pool);

let next = 0;

async function inviteOneAfterTheOther(): Promise<void> {
  while (next < Number(count)) {
    const userId = `@${name}${next}:example.org`;
    next += 1;
    const result = await invite(storage, roomId, userId);
    if (result.outcome !== 'appended') throw new Error(result.outcome);
    writeSync(1, `${result.eventId}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, inviteOneAfterTheOther));
await pool.end();
