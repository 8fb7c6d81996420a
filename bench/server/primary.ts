import cluster from 'node:cluster';
import type { Ready, ServerConfig } from './config.ts';

/** Starts the workers, and sends a `Ready` message once all of them listen on their shared port. */
export function runPrimary({ processes }: ServerConfig): void {
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
