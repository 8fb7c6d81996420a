import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { RequestOutcome } from 'express-matrix-invite';
import { prometheusMetrics } from 'express-matrix-invite/observability/prometheus';
import { AggregatorRegistry, Registry } from 'prom-client';
import { closeServer } from '../quickstart/serve.ts';
import { CannotStart } from './cannot-start.ts';

/** Counts in this worker; what it counts is told to the primary when that asks. */
export function workerMetrics(): (outcome: RequestOutcome) => void {
  const register = new Registry();
  AggregatorRegistry.setRegistries(register);
  // It is this one that answers the primary.
  new AggregatorRegistry();
  return prometheusMetrics(register);
}

/**
 * `/metrics` of all workers together, on a port of its own, which a proxy does not make public.
 *
 * @throws {CannotStart} when the port cannot be used
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
      // A worker that hangs, or ends just now: better no numbers than some that lack it.
      response.status(503).send('Not every process has answered\n');
    }
  });
  const server = app.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new CannotStart(`METRICS_PORT ${port} cannot be used: ${(error as Error).message}`);
  }
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
  return { url, close: () => closeServer(server) };
}
