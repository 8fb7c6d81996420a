// A server of the benchmark, started by bench/harness/server-process.ts: one process, or a cluster.
import cluster from 'node:cluster';
import { runPrimary } from './primary.ts';
import { serve } from './serve.ts';
import type { ServerSetting } from './setting.ts';

// Nothing is left behind when the benchmark ends, however it does.
process.once('disconnect', () => process.exit());

const setting = JSON.parse(process.env.BENCH_SERVER ?? '') as ServerSetting;
if (setting.processes > 1 && cluster.isPrimary) runPrimary(setting);
else await serve(setting);
