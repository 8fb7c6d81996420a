import type { InviteRouterOptions } from 'express-matrix-invite';
import { type PrometheusOptions, prometheusMetrics } from 'express-matrix-invite/observability/prometheus';
import { Registry } from 'prom-client';
import { seedRoom, setUp, silent } from '../../http/support.ts';

/** Creates an app with a room of Alice's. Its router counts in its own registry. */
export async function measured(
  options: Partial<InviteRouterOptions> = {},
  prometheusOptions: PrometheusOptions = {},
) {
  const register = new Registry();
  const observe = prometheusMetrics(register, prometheusOptions);
  const host = setUp({ onOutcome: observe, logger: silent, ...options });
  await seedRoom(host.store);
  return { ...host, register, observe };
}
