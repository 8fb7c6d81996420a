// Waits for a line on stdin, then migrates twice: postgres-migrate.ts <connection URL>
import { once } from 'node:events';
import pg from 'pg';
import { PostgresStorage } from '../../adapters/storage/postgres/index.ts';

const [connectionString = ''] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString });
const storage = new PostgresStorage(pool);
console.log('ready');
await once(process.stdin, 'data');
process.stdin.destroy();
await storage.migrate();
await storage.migrate();
await pool.end();
