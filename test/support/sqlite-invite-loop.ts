// Keeps an SQLite file busy: invites users until stdin ends, then prints their number:
// sqlite-invite-loop.ts <file> <room ID> <prefix of the user IDs>
import { DatabaseSync } from '@photostructure/sqlite';
import { SqliteStorage } from '../../adapters/storage/sqlite/index.ts';
import { invite } from './storage-room.ts';

const [path = '', roomId = '', prefix = ''] = process.argv.slice(2);
const database = new DatabaseSync(path);
const storage = new SqliteStorage(database);
let stopped = false;
process.stdin.on('end', () => {
  stopped = true;
});
process.stdin.resume();
console.log('ready');
let count = 0;
for (; !stopped; count += 1) {
  const result = await invite(storage, roomId, `@${prefix}${count}:example.org`);
  if (result.outcome !== 'appended') throw new Error(result.outcome);
}
console.log(count);
database.close();
