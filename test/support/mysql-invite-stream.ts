// Invites users and prints event IDs:
// mysql-invite-stream.ts <connection URL> <room ID> <prefix of the user IDs> <number of users>
import mysql from 'mysql2/promise';
import { MysqlStorage } from '../../adapters/storage/mysql/index.ts';
import { inviteStream } from './invite-stream.ts';

const [uri = '', ...given] = process.argv.slice(2);
const pool = mysql.createPool({ uri, connectionLimit: 8 });
await inviteStream(new MysqlStorage(pool), given);
await pool.end();
