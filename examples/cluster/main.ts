// PostgreSQL, Redis, an OAuth provider and four Node processes on this machine: `npx tsx examples/cluster/main.ts`, and
// paste what it prints. The variables of the environment stand in the README beside this file.
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
