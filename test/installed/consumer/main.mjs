// A host app in ES modules.
import express from 'express';
import { createInviteRouter } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { MemoryRateLimit } from 'express-matrix-invite/rate-limit/memory';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';

const storage = new MemoryStorage();
const byAlice = { sender: '@alice:example.org', origin_server_ts: Date.now() };
await storage.createRoom({
  roomId: '!cats:example.org',
  state: [
    { ...byAlice, type: 'm.room.create', state_key: '', content: { room_version: '11' } },
    { ...byAlice, type: 'm.room.member', state_key: '@alice:example.org', content: { membership: 'join' } },
  ],
});

const router = createInviteRouter({
  serverName: 'example.org',
  storage,
  rateLimit: new MemoryRateLimit(),
  auth: staticTokens({ 'alice-token': '@alice:example.org' }),
});
const server = express()
  .use('/_matrix/client/v3', router)
  .listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ port: server.address().port, node: process.version }));
  });
