// A benchmark server, as one process or as a cluster. bench/harness/server-process.ts starts it.
import cluster from 'node:cluster';
import type { ServerConfig } from './config.ts';
import { runPrimary } from './primary.ts';
import { serve } from './serve.ts';

// Ends with the benchmark, however the benchmark ends.
process.once('disconnect', () => process.exit());

const config = JSON.parse(process.env.BENCH_SERVER ?? '') as ServerConfig;
if (config.processes > 1 && cluster.isPrimary) runPrimary(config);
else await serve(config);
