// A host app in CommonJS.
const express = require('express');
const { createInviteRouter } = require('express-matrix-invite');
const { staticTokens } = require('express-matrix-invite/auth/static-tokens');
const { MemoryRateLimit } = require('express-matrix-invite/rate-limit/memory');
const { MemoryStorage } = require('express-matrix-invite/storage/memory');

async function main() {
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
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
