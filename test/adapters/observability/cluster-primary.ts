// The primary of a cluster with two workers, or one of the workers. Each worker accepts one invite and
// refuses two. Then the primary prints the sum of their metrics.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { createInviteRouter } from 'express-matrix-invite';
import { staticTokens } from 'express-matrix-invite/auth/static-tokens';
import { prometheusMetrics } from 'express-matrix-invite/observability/prometheus';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { AggregatorRegistry, Registry } from 'prom-client';

const ALICE = '@alice:example.org';
const ROOM = '!room:example.org';

async function work(): Promise<void> {
  const register = new Registry();
  AggregatorRegistry.setRegistries(register);
  new AggregatorRegistry();
  const storage = new MemoryStorage();
  const event = { sender: ALICE, origin_server_ts: 1 };
  await storage.createRoom({
    roomId: ROOM,
    state: [
      { ...event, type: 'm.room.create', state_key: '', content: { room_version: '11' } },
      { ...event, type: 'm.room.member', state_key: ALICE, content: { membership: 'join' } },
    ],
  });
  const app = express();
  app.use(
    createInviteRouter({
      serverName: 'example.org',
      storage,
      rateLimit: false,
      auth: staticTokens({ alice: ALICE }),
      onOutcome: prometheusMetrics(register),
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    }),
  );
  // Otherwise both workers share a port, and each other's requests.
  const server = createServer(app).listen({ port: 0, host: '127.0.0.1', exclusive: true });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const token of ['alice', 'nobody', 'nobody']) {
    await fetch(`http://127.0.0.1:${port}/rooms/${ROOM}/invite`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ user_id: '@bob:example.org' }),
    });
  }
  process.send?.('done');
}

if (cluster.isPrimary) {
  const aggregator = new AggregatorRegistry();
  const workers = [cluster.fork(), cluster.fork()];
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  process.stdout.write(await aggregator.clusterMetrics());
  for (const worker of workers) worker.kill();
} else {
  await work();
}
