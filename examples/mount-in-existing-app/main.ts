// Environment variables: PORT (default 3000), HOST (127.0.0.1), DATABASE (app.sqlite in the current folder),
// ORIGIN (the app's origin in browsers), SESSION_SECRET (default: random, so sessions end with the process).
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createApp } from './app.ts';
import { Database } from './database.ts';

const port = Number(process.env.PORT || 3000);
const host = process.env.HOST || '127.0.0.1';
const database = new Database(process.env.DATABASE || 'app.sqlite');
const { app, invites } = createApp({
  database,
  sessionSecret: process.env.SESSION_SECRET || randomBytes(32).toString('base64url'),
  origin: process.env.ORIGIN || `http://${host}:${port}`,
});
const server = createServer(app);
server.on('error', ({ message }) => {
  console.error(message);
  process.exit(1);
});
server.listen(port, host, () => console.log(`Listening on http://${host}:${port}`));

async function close(): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // Before the database: invites that have started are still stored.
  await invites.close();
  // A client that is connected but sends nothing would delay the shutdown by a minute.
  setTimeout(() => server.closeAllConnections(), 1_000).unref();
  await closed;
  await database.close();
}
process.once('SIGINT', close).once('SIGTERM', close);
