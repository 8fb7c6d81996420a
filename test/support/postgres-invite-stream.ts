// Invites users and prints event IDs:
// postgres-invite-stream.ts <connection URL> <room ID> <prefix of the user IDs> <number of users>
import pg from 'pg';
import { PostgresStorage } from '../../adapters/storage/postgres/index.ts';
import { inviteStream } from './invite-stream.ts';

const [connectionString = '', ...given] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString, max: 8 });
await inviteStream(new PostgresStorage(pool), given);
await pool.end();
