// Alice invites an email address that no user has confirmed. Run `npm run example:own-invitation-emails` (in a copy:
// `node --import tsx own-invitation-emails/main.ts`). It starts a mail server, sends invites like a Matrix client,
// prints what happens, and exits.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from '@photostructure/sqlite';
import { SqliteStorage } from 'express-matrix-invite/storage/sqlite';
import { createTransport } from 'nodemailer';
import { createApp } from './app.ts';
import { Invitations } from './invitations.ts';
import { MailSink } from './mail-sink.ts';

const ALICE = '@alice:localhost';
const BOB = '@bob:localhost';
const ROOMS = ['!lobby:localhost', '!garden:localhost'] as const;
const ADDRESS = 'bob@mail.example';

const database = new DatabaseSync(':memory:');
const storage = new SqliteStorage(database);
await storage.migrate();
const byAlice = { sender: ALICE, origin_server_ts: Date.now() };
for (const roomId of ROOMS) {
  await storage.createRoom({
    roomId,
    state: [
      { ...byAlice, type: 'm.room.create', state_key: '', content: { room_version: '11' } },
      { ...byAlice, type: 'm.room.member', state_key: ALICE, content: { membership: 'join' } },
      { ...byAlice, type: 'm.room.power_levels', state_key: '', content: { users: { [ALICE]: 100 } } },
      { ...byAlice, type: 'm.room.name', state_key: '', content: { name: roomId.slice(1, -10) } },
    ],
  });
}

// A free port, on which no mail server listens yet.
const probe = createServer().listen(0, '127.0.0.1');
await once(probe, 'listening');
const { port: mailPort } = probe.address() as AddressInfo;
probe.close();
await once(probe, 'close');

const mail = createTransport({ host: '127.0.0.1', port: mailPort, ignoreTLS: true });
const { app, close } = createApp({
  serverName: 'localhost',
  storage,
  tokens: { 'alice-token': ALICE, 'bob-token': BOB },
  secret: randomBytes(32),
  invitations: new Invitations(database, mail),
});
const server = createServer(app).listen(0, '127.0.0.1');
await once(server, 'listening');
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function post(path: string, token: string, body: object): Promise<void> {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const response = await fetch(origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
  console.log(`The response: ${response.status} ${await response.text()}`);
}

/** What a Matrix client sends. This app ignores the identity server. */
function invite(roomId: string): Promise<void> {
  const body = { id_server: 'unused.example', id_access_token: 'unused', medium: 'email', address: ADDRESS };
  return post(`/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/invite`, 'alice-token', body);
}

async function showRoom(roomId: string): Promise<void> {
  for (const { type, state_key, content } of (await storage.roomState(roomId)) ?? []) {
    if (type === 'm.room.member') console.log(`In ${roomId}: ${state_key}: ${content.membership}`);
    if (type === 'm.room.third_party_invite' && content.display_name !== undefined) {
      console.log(`In ${roomId}: ${content.display_name}: invited by email`);
    }
  }
}

const [lobby, garden] = ROOMS;
console.log(`Alice invites ${ADDRESS}, while the mail server is down.`);
await invite(lobby);

console.log('\nThe mail server is up. Alice invites the address again, and then twice at once.');
const sink = await MailSink.start(mailPort);
await invite(lobby);
await Promise.all([invite(lobby), invite(lobby)]);
let text = '';
for (const { to, source } of sink.mails) {
  console.log(`An email to ${to}:`);
  // Without the headers, and with the long lines that quoted-printable has broken.
  text = source
    .replace(/^.*?\r\n\r\n/s, '')
    .replaceAll('=\r\n', '')
    .replaceAll('\r\n', '\n')
    .trim();
  console.log(text);
}
await showRoom(lobby);

const code = text.split('code: ')[1];
console.log(`\n${BOB} signs up, and enters the code.`);
await post('/confirm', 'bob-token', { code });
await showRoom(lobby);

console.log(`\nAlice invites ${ADDRESS} to another room. Now the app knows whose it is.`);
await invite(garden);
await showRoom(garden);
console.log(`Emails sent: ${sink.mails.length}`);

await Promise.all([sink.close(), close()]);
mail.close();
server.closeAllConnections();
server.close();
await once(server, 'close');
database.close();
