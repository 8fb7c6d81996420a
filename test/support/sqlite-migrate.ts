// Waits for a line on stdin, then migrates five times: sqlite-migrate.ts <file>
import { once } from 'node:events';
import { DatabaseSync } from '@photostructure/sqlite';
import { SqliteStorage } from '../../adapters/storage/sqlite/index.ts';

const [path = ''] = process.argv.slice(2);
const database = new DatabaseSync(path);
const storage = new SqliteStorage(database);
console.log('ready');
await once(process.stdin, 'data');
process.stdin.destroy();
for (let times = 0; times < 5; times += 1) await storage.migrate();
database.close();
