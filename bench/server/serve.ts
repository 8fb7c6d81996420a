import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeApp } from './app.ts';
import type { Query, QueryResults, Ready, Reply, ServerConfig } from './config.ts';
import { Profiler } from './profiler.ts';

/** Listens on a free port, sends a `Ready` message and replies to the benchmark's queries. */
export async function serve(config: ServerConfig): Promise<void> {
  const { listener, store } = await makeApp(config);
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const profiler = new Profiler();
  const handlers: { [Q in Query]: () => Promise<QueryResults[Q]> | QueryResults[Q] } = {
    countEvents: () => store?.countEvents?.() ?? 0,
    collectGarbage: () => {
      global.gc?.();
      return process.memoryUsage().heapUsed;
    },
    startCpu: () => profiler.startCpu(),
    stopCpu: () => profiler.stopCpu(),
    startHeap: () => profiler.startHeap(),
    stopHeap: () => profiler.stopHeap(),
  };
  process.on('message', async (query: Query) => {
    process.send?.({ result: await handlers[query]() } satisfies Reply);
  });
  process.send?.({ port: (server.address() as AddressInfo).port, pids: [process.pid] } satisfies Ready);
}
