import { createServer } from 'node:http';
import express from 'express';
import type { RequestOutcome } from 'express-matrix-invite';
import { prometheusMetrics } from 'express-matrix-invite/observability/prometheus';
import { AggregatorRegistry, Registry } from 'prom-client';
import { closeNow, listen } from './listen.ts';

/** Counts this worker's requests. The worker reports its metrics whenever the primary asks for them. */
export function workerMetrics(): (outcome: RequestOutcome) => void {
  const register = new Registry();
  AggregatorRegistry.setRegistries(register);
  // Its constructor installs the listener that replies to the primary.
  new AggregatorRegistry();
  return prometheusMetrics(register);
}

/**
 * Serves the sum of all workers' metrics at `/metrics`, on a separate port that no proxy exposes.
 *
 * @throws {CannotStart} if the port cannot be used
 */
export async function serveMetrics(port: number): Promise<{ url: string; close(): Promise<void> }> {
  const aggregator = new AggregatorRegistry();
  const app = express();
  app.disable('x-powered-by');
  app.get('/metrics', async (_request, response) => {
    try {
      const metrics = await aggregator.clusterMetrics();
      response.type(aggregator.contentType).send(metrics);
    } catch {
      // A worker hangs or is shutting down. An error is better than a sum that leaves a worker out.
      response.status(503).send('Not every process has reported its metrics\n');
    }
  });
  const server = createServer(app);
  const usedPort = await listen(server, 'METRICS_PORT', port);
  return { url: `http://127.0.0.1:${usedPort}/metrics`, close: () => closeNow(server) };
}
