import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeApp } from './app.ts';
import { Profiler } from './profiler.ts';
import type { Question, Questions, Ready, Reply, ServerSetting } from './setting.ts';

/** Listens on a free port, says so, and answers the benchmark's questions. */
export async function serve(setting: ServerSetting): Promise<void> {
  const { listener, store } = await makeApp(setting);
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const profiler = new Profiler();
  const answers: { [Q in Question]: () => Promise<Questions[Q]> | Questions[Q] } = {
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
  process.on('message', async (question: Question) => {
    process.send?.({ reply: await answers[question]() } satisfies Reply);
  });
  process.send?.({ port: (server.address() as AddressInfo).port, pids: [process.pid] } satisfies Ready);
}
