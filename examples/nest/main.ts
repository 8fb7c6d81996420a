// The invite endpoint in a Nest app. Run `node --import tsx examples/nest/main.ts` (in a copy:
// `node --import tsx nest/main.ts`), and paste the commands that it prints.
// Everyone knows its access token, so other websites in your browser can send invites too: keep nothing of value in it.
// Environment variables: PORT (default 3000), HOST (127.0.0.1).
import { createInviteRouter } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { createApp } from './app.ts';

const storage = new MemoryStorage();
const byAlice = { sender: '@alice:localhost', origin_server_ts: Date.now() };
await storage.createRoom({
  roomId: '!lobby:localhost',
  state: [
    { ...byAlice, type: 'm.room.create', state_key: '', content: { room_version: '11' } },
    { ...byAlice, type: 'm.room.member', state_key: '@alice:localhost', content: { membership: 'join' } },
  ],
});

const invites = createInviteRouter({
  serverName: 'localhost',
  storage,
  auth: staticTokens({ 'alice-token': '@alice:localhost' }),
  rateLimit: new MemoryRateLimit(),
});
const app = await createApp(invites, storage);
await app.listen(process.env.PORT || 3000, process.env.HOST || '127.0.0.1').catch(() => {
  // Nest has logged the error.
  process.exit(1);
});
const url = await app.getUrl();

async function close(): Promise<void> {
  // Waits for invites that have started.
  await invites.close();
  // A client that is connected but sends nothing would delay the shutdown by a minute.
  setTimeout(() => app.getHttpServer().closeAllConnections(), 1_000).unref();
  await app.close();
}
process.once('SIGINT', close).once('SIGTERM', close);

console.log(`Listening on ${url}`);
console.log('Paste these commands into another terminal. The expected output is below each command:\n');
console.log(
  `curl -sS '${url}/_matrix/client/v3/rooms/%21lobby:localhost/invite' -H 'Authorization: Bearer alice-token' -H 'Content-Type: application/json' -d '{"user_id":"@bob:localhost"}'`,
);
console.log('# {}\n');
console.log(`curl -sS '${url}/rooms/%21lobby:localhost/invitees'`);
console.log('# ["@bob:localhost"]\n');
