// Environment: PORT (default 3000), HOST (127.0.0.1), DATABASE (app.sqlite in the current folder),
// ORIGIN (where browsers see the app), SESSION_SECRET (random when not set: sessions end with the process).
import { randomBytes } from 'node:crypto';
import { addressFromEnvironment, closeOnSignal, closeServer, urlOnceListening } from '../quickstart/serve.ts';
import { createApp } from './app.ts';
import { Database } from './database.ts';

const address = addressFromEnvironment(3000);
const database = await Database.open(process.env.DATABASE || 'app.sqlite');
const { app, invites } = createApp({
  database,
  sessionSecret: process.env.SESSION_SECRET || randomBytes(32).toString('base64url'),
  origin: process.env.ORIGIN || `http://${address.host}:${address.port}`,
});
const server = app.listen(address.port, address.host);
console.log(`Listening on ${await urlOnceListening(server, address)}`);

closeOnSignal(async () => {
  const closed = closeServer(server);
  // Before the database: what was begun is still stored.
  await invites.close();
  await closed;
  await database.close();
});
