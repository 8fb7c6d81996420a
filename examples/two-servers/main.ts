// Alice of one.test invites users of two.test. Run `npm run example:two-servers` (in a copy:
// `node --import tsx two-servers/main.ts`). It starts both servers, sends invites like a Matrix client, prints what
// happens, and exits.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { DatabaseSync } from '@photostructure/sqlite';
import { signingKey } from 'express-matrix-invite/pdu';
import { SqliteGraphStorage } from 'express-matrix-invite/storage/sqlite-graph';
import { createApp } from './app.ts';
import { Network } from './network.ts';
import { OtherServer } from './other-server.ts';

const ALICE = '@alice:one.test';
const BOB = '@bob:two.test';
const CAROL = '@carol:two.test';

const network = await Network.start(['one.test', 'two.test']);
const server = createServer(network.credentials);
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;

const two = await OtherServer.start(
  signingKey('ed25519:2', 'two.test', randomBytes(32)),
  network,
  () => port,
);

// In production, store the key: other servers remember it.
const signer = signingKey('ed25519:1', 'one.test', randomBytes(32));
const database = new DatabaseSync(':memory:');
const storage = new SqliteGraphStorage(database, { signer });
await storage.migrate();
const byAlice = { sender: ALICE, origin_server_ts: Date.now() };
const roomId = await storage.createFederatedRoom({
  roomVersion: '12',
  creator: ALICE,
  state: [
    { ...byAlice, type: 'm.room.member', state_key: ALICE, content: { membership: 'join' } },
    { ...byAlice, type: 'm.room.join_rules', state_key: '', content: { join_rule: 'invite' } },
    { ...byAlice, type: 'm.room.name', state_key: '', content: { name: 'Cats' } },
  ],
});

const { app, close } = createApp({
  storage,
  signer,
  tokens: { 'alice-token': ALICE },
  // Only for this example. In production, servers have public addresses, port 443, and certificates that Node trusts.
  network: { ...network.options, wellKnownPort: two.port },
});
server.on('request', app);

/** Sends an invite like a Matrix client. */
async function invite(userId: string): Promise<void> {
  const outgoing = request({
    ...{ host: '127.0.0.1', port, servername: 'one.test', ca: network.credentials.cert, agent: false },
    ...{ method: 'POST', path: `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/invite` },
    headers: { Authorization: 'Bearer alice-token', 'Content-Type': 'application/json' },
  });
  outgoing.end(JSON.stringify({ user_id: userId }));
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  console.log(`The response: ${response.statusCode} ${await text(response)}`);
}

async function showRoom(): Promise<void> {
  const { events = [] } = (await storage.pdus(roomId)) ?? {};
  for (const { pdu } of events.filter(({ pdu: { type } }) => type === 'm.room.member')) {
    const signedBy = Object.keys(pdu.signatures ?? {}).join(' and ');
    console.log(`In the room: ${pdu.state_key}: ${pdu.content.membership}, signed by ${signedBy}`);
  }
}

console.log(`${ALICE} invites ${BOB}.`);
await invite(BOB);
for (const { event, roomState } of two.invites.values()) {
  const name = roomState.find(({ type }) => type === 'm.room.name')?.content.name;
  console.log(`At two.test: ${event.state_key}: ${event.content.membership} to “${name}” by ${event.sender}`);
}
await showRoom();

console.log(`\nThe invite is pending. ${ALICE} sends it once more.`);
await invite(BOB);
console.log(`Invites sent to two.test: ${two.requests}`);

console.log(`\n${ALICE} invites ${CAROL}, who does not accept invites.`);
two.blocking.add(CAROL);
await invite(CAROL);

console.log(`\n${CAROL} accepts invites again, but two.test is down.`);
two.blocking.delete(CAROL);
const { port: portOfTwo } = two;
await two.close();
await invite(CAROL);
await showRoom();

console.log(`\ntwo.test is up again. ${ALICE} invites ${CAROL} again.`);
await two.listen(portOfTwo);
await invite(CAROL);
await showRoom();

await Promise.all([two.close(), close()]);
server.closeAllConnections();
server.close();
await once(server, 'close');
await network.close();
database.close();
