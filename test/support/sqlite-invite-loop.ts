// A process that keeps an SQLite file busy: it invites one user after the other until its stdin ends, and prints how
// many: sqlite-invite-loop.ts <file> <room id> <name of the users>
import { DatabaseSync } from '@photostructure/sqlite';
import { SqliteStorage } from '../../adapters/storage/sqlite/index.ts';
import { invite } from './storage-room.ts';

const [path = '', roomId = '', name = ''] = process.argv.slice(2);
const database = new DatabaseSync(path);
const storage = new SqliteStorage(database);
let isOver = false;
process.stdin.on('end', () => {
  isOver = true;
});
process.stdin.resume();
console.log('ready');
let count = 0;
for (; !isOver; count += 1) {
  const result = await invite(storage, roomId, `@${name}${count}:example.org`);
  if (result.outcome !== 'appended') throw new Error(result.outcome);
}
console.log(count);
database.close();
