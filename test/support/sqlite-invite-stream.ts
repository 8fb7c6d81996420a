// A process that invites one user after the other, eight at a time, and prints the id of each event once it is
// appended: sqlite-invite-stream.ts <file> <room id> <name of the users> <how many>
import { writeSync } from 'node:fs';
import { DatabaseSync } from '@photostructure/sqlite';
import { SqliteStorage } from '../../adapters/storage/sqlite/index.ts';
import { invite } from './storage-room.ts';

const [path = '', roomId = '', name = '', count = ''] = process.argv.slice(2);
const database = new DatabaseSync(path);
const storage = new SqliteStorage(database);

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
database.close();
