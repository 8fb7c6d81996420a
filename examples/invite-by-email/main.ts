// Alice invites an email address that nobody has bound yet. Run `npm run example:invite-by-email` (in a copy:
// `node --import tsx invite-by-email/main.ts`). It starts an identity server with a mail server, sends invites as a
// Matrix client does, prints what happens, and ends.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from '@photostructure/sqlite';
import { SqliteStorage } from 'express-matrix-invite/storage/sqlite';
import { createApp } from './app.ts';
import { IdentityServer } from './identity-server/index.ts';
import { PrivateCa } from './private-ca.ts';

const ALICE = '@alice:localhost';
const BOB = '@bob:localhost';
const LOBBY = '!lobby:localhost';
const ADDRESS = 'bob@mail.example';

const database = new DatabaseSync(':memory:');
const storage = new SqliteStorage(database);
await storage.migrate();
const byAlice = { sender: ALICE, origin_server_ts: Date.now() };
await storage.createRoom({
  roomId: LOBBY,
  state: [
    { ...byAlice, type: 'm.room.create', state_key: '', content: { room_version: '11' } },
    { ...byAlice, type: 'm.room.member', state_key: ALICE, content: { membership: 'join' } },
    { ...byAlice, type: 'm.room.power_levels', state_key: '', content: { users: { [ALICE]: 100 } } },
  ],
});

const ca = await PrivateCa.create();
const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const homeserver = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);

const identityServer = await IdentityServer.start({
  host: '127.0.0.1',
  credentials: await ca.issue('IP:127.0.0.1'),
  homeserverOf: () => homeserver,
});
const { app, close } = createApp({
  serverName: 'localhost',
  storage,
  tokens: { 'alice-token': ALICE },
  secret: randomBytes(32),
  identityServers: {
    servers: [identityServer.name],
    // Only here: in production, an identity server has a public address and a certificate that Node trusts.
    allowAddresses: ['127.0.0.1/32'],
    tls: { ca: ca.certificate },
  },
});
server.on('request', app);

/** What a Matrix client sends. It has a token for the identity server, too. */
const body = JSON.stringify({
  id_server: identityServer.name,
  id_access_token: identityServer.register(ALICE),
  medium: 'email',
  address: ADDRESS,
});

async function invite(): Promise<void> {
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(LOBBY)}/invite`;
  const headers = { Authorization: 'Bearer alice-token', 'Content-Type': 'application/json' };
  const response = await fetch(new URL(path, homeserver), { method: 'POST', headers, body });
  console.log(`The response: ${response.status} ${await response.text()}`);
}

async function showRoom(): Promise<void> {
  for (const { type, state_key, content } of (await storage.roomState(LOBBY)) ?? []) {
    if (type === 'm.room.member') console.log(`In the room: ${state_key}: ${content.membership}`);
    if (type === 'm.room.third_party_invite' && content.display_name !== undefined) {
      console.log(`In the room: ${content.display_name}: invited by email`);
    }
  }
}

console.log(`Alice invites ${ADDRESS}, an address that nobody has bound.`);
await invite();
for (const { to, source } of identityServer.mail.mails) {
  console.log(`An email to ${to}:`);
  // Without the headers, and with the long lines that quoted-printable has broken.
  console.log(
    source
      .replace(/^.*?\r\n\r\n/s, '')
      .replaceAll('=\r\n', '')
      .trim(),
  );
}
await showRoom();

console.log('\nAlice invites the address once more, and three times at once.');
await invite();
await Promise.all([invite(), invite(), invite()]);
console.log(`Emails sent: ${identityServer.mail.mails.length}`);

console.log(`\n${BOB} binds the address. The identity server tells the homeserver.`);
await identityServer.bind('email', ADDRESS, BOB);
await showRoom();

await Promise.all([identityServer.close(), close()]);
server.closeAllConnections();
server.close();
await once(server, 'close');
database.close();
