// Invites users, eight at a time, and prints each event ID once the event is appended:
// sqlite-invite-stream.ts <file> <room ID> <prefix of the user IDs> <number of users>
import { writeSync } from 'node:fs';
import { DatabaseSync } from '@photostructure/sqlite';
import { SqliteStorage } from '../../adapters/storage/sqlite/index.ts';
import { invite } from './storage-room.ts';

const [path = '', roomId = '', prefix = '', count = ''] = process.argv.slice(2);
const database = new DatabaseSync(path);
const storage = new SqliteStorage(database);

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
database.close();
