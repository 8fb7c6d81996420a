// The invite endpoint in a Fastify app: `npx tsx examples/fastify/main.ts`, and paste what it prints.
// Environment: PORT (default 3000), HOST (127.0.0.1), DATABASE (fastify.sqlite in the current folder).
import { createInviteRouter } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import { SqliteStorage } from 'express-matrix-invite/storage/sqlite';
import { openSqlite } from '../quickstart/open-sqlite.ts';
import { createMissingRooms, SERVER_NAME, TOKENS } from '../quickstart/rooms.ts';
import { addressFromEnvironment, closeOnSignal, closeServer, urlOnceListening } from '../quickstart/serve.ts';
import { createApp } from './app.ts';

const address = addressFromEnvironment(3000);
const database = await openSqlite(process.env.DATABASE || 'fastify.sqlite');
const storage = new SqliteStorage(database);
await storage.migrate();
await createMissingRooms(storage);

const invites = createInviteRouter({
  serverName: SERVER_NAME,
  storage,
  auth: staticTokens(TOKENS),
  rateLimit: new MemoryRateLimit(),
});
const app = createApp(invites, storage);
// The server says itself, by its events, how this has ended.
app.listen({ ...address }, () => {});
const url = await urlOnceListening(app.server, address);

closeOnSignal(async () => {
  const closed = closeServer(app.server);
  // Before the database: what was begun is still stored.
  await invites.close();
  await closed;
  await app.close();
  database.close();
});

console.log(`Listening on ${url}`);
console.log('Paste these into another terminal; what they answer stands below each:\n');
console.log(
  `curl -sS '${url}/_matrix/client/v3/rooms/%21lobby:localhost/invite' -H 'Authorization: Bearer alice-token' -d '{"user_id":"@bob:localhost"}'`,
);
console.log('# {}\n');
console.log(`curl -sS '${url}/rooms/%21lobby:localhost/invitees'`);
console.log('# ["@bob:localhost"]\n');
