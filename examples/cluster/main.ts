// PostgreSQL, Redis and four Node processes on this machine: `npx tsx examples/cluster/main.ts`, and paste what it
// prints. Environment: PORT (default 8008; 0 is any free one), HOST (127.0.0.1), WORKERS (4), DATABASE_URL and REDIS_URL
// (servers to use; where not set, one is started that ends with the example).
import cluster from 'node:cluster';
import { CannotStart } from './cannot-start.ts';
import { runPrimary } from './primary.ts';
import { runWorker } from './worker.ts';

try {
  await (cluster.isPrimary ? runPrimary() : runWorker());
} catch (error) {
  if (!(error instanceof CannotStart)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
