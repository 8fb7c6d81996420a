#!/usr/bin/env bash
# ioredis 6.0.0 and 5.11.1: a command that `commandTimeout` has rejected stays in `commandQueue` until the server replies.
# One would expect: the client keeps nothing of a command whose promise is settled.
# Seen with Node 20.20, on 2026-11-29.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --save-exact --ignore-scripts ioredis6@npm:ioredis@6.0.0 ioredis5@npm:ioredis@5.11.1

cat > script.cjs <<'JS'
const { once } = require('node:events');
const { createServer } = require('node:net');

/** Accepts connections, and has not replied to anything yet. */
const server = createServer((socket) => socket.on('error', () => {}));

async function main() {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  for (const [name, options] of [['ioredis6', { protocol: 2 }], ['ioredis5', {}]]) {
    const { Redis } = require(name);
    const { version } = require(`${name}/package.json`);
    const redis = new Redis(server.address().port, '127.0.0.1', {
      commandTimeout: 20,
      enableReadyCheck: false,
      disableClientInfo: true,
      ...options,
    });
    redis.on('error', () => {});
    await once(redis, 'ready');
    const replies = await Promise.allSettled(Array.from({ length: 100 }, (_, index) => redis.get(`key ${index}`)));
    const rejected = replies.filter(({ reason }) => reason?.message === 'Command timed out').length;
    console.log(`${version}: ${rejected} rejected, ${redis.commandQueue.length} kept`);
    redis.disconnect();
  }
  process.exit(0);
}
main();
JS

actual=$(node script.cjs)
expected='6.0.0: 100 rejected, 100 kept
5.11.1: 100 rejected, 100 kept'

echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "Changed. It used to be: $expected" >&2
  exit 1
fi
