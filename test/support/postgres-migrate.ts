// A process that waits for a line on stdin, and then migrates twice: postgres-migrate.ts <port>
import { once } from 'node:events';
import pg from 'pg';
import { PostgresStorage } from '../../adapters/storage/postgres/index.ts';

const [port = ''] = process.argv.slice(2);
const pool = new pg.Pool({ host: '127.0.0.1', port: Number(port), user: 'postgres', database: 'postgres' });
const storage = new PostgresStorage(pool);
console.log('ready');
await once(process.stdin, 'data');
process.stdin.destroy();
await storage.migrate();
await storage.migrate();
await pool.end();
