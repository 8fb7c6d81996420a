import cluster from 'node:cluster';
import type { Ready, ServerSetting } from './setting.ts';

/** Starts the workers, and says when all of them listen, on the port that they share. */
export function runPrimary({ processes }: ServerSetting): void {
  let listening = 0;
  cluster.on('listening', (_worker, { port }) => {
    listening += 1;
    if (listening < processes) return;
    const workers = Object.values(cluster.workers ?? {}).flatMap((worker) => worker?.process.pid ?? []);
    process.send?.({ port, pids: [process.pid, ...workers] } satisfies Ready);
  });
  cluster.on('exit', () => process.exit(1));
  for (let count = 0; count < processes; count += 1) cluster.fork();
}
