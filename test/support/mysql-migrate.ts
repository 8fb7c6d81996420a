// Waits for a line on stdin, then migrates twice: mysql-migrate.ts <connection URL>
import { once } from 'node:events';
import mysql from 'mysql2/promise';
import { MysqlStorage } from '../../adapters/storage/mysql/index.ts';

const [uri = ''] = process.argv.slice(2);
const pool = mysql.createPool({ uri });
const storage = new MysqlStorage(pool);
console.log('ready');
await once(process.stdin, 'data');
process.stdin.destroy();
await storage.migrate();
await storage.migrate();
await pool.end();
