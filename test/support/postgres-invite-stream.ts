// Invites users, eight at a time, and prints each event ID once the event is appended:
// postgres-invite-stream.ts <connection URL> <room ID> <prefix of the user IDs> <number of users>
import { writeSync } from 'node:fs';
import pg from 'pg';
import { PostgresStorage } from '../../adapters/storage/postgres/index.ts';
import { invite } from './storage-room.ts';

const [connectionString = '', roomId = '', prefix = '', count = ''] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString, max: 8 });
const storage = new PostgresStorage(pool);

let next = 0;

async function inviteUntilDone(): Promise<void> {
  while (next < Number(count)) {
    const userId = `@${prefix}${next}:example.org`;
    next += 1;
    const result = await invite(storage, roomId, userId);
    if (result.outcome !== 'appended') throw new Error(result.outcome);
    writeSync(1, `${result.eventId}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, inviteUntilDone));
await pool.end();
