// Creates the tables and one room to try the endpoint in. Run it before the first start and after each upgrade, as a
// role that may create tables.
import { PostgresStorage } from 'express-matrix-invite/storage/postgres';
import pg from 'pg';

const serverName = process.env.SERVER_NAME || 'localhost';
const alice = `@alice:${serverName}`;

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const storage = new PostgresStorage(pool);
await storage.migrate();

const byAlice = { sender: alice, origin_server_ts: Date.now() };
// Does nothing if the room exists.
await storage.createRoom({
  roomId: `!lobby:${serverName}`,
  state: [
    { ...byAlice, type: 'm.room.create', state_key: '', content: { room_version: '11' } },
    { ...byAlice, type: 'm.room.member', state_key: alice, content: { membership: 'join' } },
  ],
});
await pool.end();
console.log(`The tables exist, and ${alice} has joined !lobby:${serverName}`);
