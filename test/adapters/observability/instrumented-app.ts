import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SpanKind } from '@opentelemetry/api';
import express from 'express';
import { createInviteCheckRouter, createInviteRouter, type InviteRouterOptions } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { exporter } from './instrument.ts';

const options: InviteRouterOptions = {
  serverName: 'example.org',
  storage: new MemoryStorage(),
  rateLimit: false,
  auth: { authenticate: async () => ({ failure: 'unknown' }) },
};
const router = createInviteRouter(options);
const seen: unknown[] = [];

const app = express();
app.use((request, response, next) => {
  response.on('finish', () => seen.push(request.route?.path));
  next();
});
app.use('/_matrix/client/v3', router);
app.use('/tenants/:tenant/v3', (request, response, next) => router(request, response, next));
app.use('/nested', express.Router().use('/v3', router));
app.use('/admin', createInviteCheckRouter(options));
const neighbor = express.Router();
neighbor.post('/rooms/:roomId/leave', (_request, response) => void response.json({}));
app.use('/_matrix/client/v3', neighbor);

const server = createServer(app).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;

/** Prints what each request was recorded as: the name and the route of the server span, and `request.route`. */
for (const [method, path] of JSON.parse(process.argv[2] ?? '[]') as [string, string][]) {
  exporter.reset();
  seen.length = 0;
  await (
    await fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { authorization: 'Bearer x' } })
  ).text();
  const serverSpan = () => exporter.getFinishedSpans().find(({ kind }) => kind === SpanKind.SERVER);
  while (serverSpan() === undefined) await new Promise((resolve) => setImmediate(resolve));
  const span = serverSpan();
  const record = [span?.name, span?.attributes['http.route'], seen[0]];
  process.stdout.write(`${JSON.stringify(record)}\n`);
}
server.close();
server.closeAllConnections();
