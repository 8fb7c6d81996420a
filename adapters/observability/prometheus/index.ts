import type { RequestOutcome } from '../../../src/ports/outcome.ts';
import { answerLabels, classOf } from './answers.ts';
import { FirstNames } from './first-names.ts';
import { knownCall, knownReason, knownScope } from './label-values.ts';
import { registerMetrics } from './metrics.ts';
import { checkArguments, type MetricsRegister, type PrometheusOptions } from './options.ts';

export type { MetricsRegister, PrometheusOptions } from './options.ts';

/**
 * Counts how requests end, as metrics of `prom-client` 15, for the router's option `onOutcome`.
 *
 * ```ts
 * import { register } from 'prom-client';
 *
 * createInviteRouter({ onOutcome: prometheusMetrics(register), … });
 * ```
 *
 * The metrics are in the register from now on, at 0 wherever their labels are known beforehand. No label has an id of
 * a user, a room or a request, and none takes more than a fixed number of values, whatever policies and adapters say.
 * Several routers that share a register share one function as well, or have a `prefix` each.
 *
 * @throws {TypeError} for another register, and for an unknown or ill-typed option
 * @throws {Error} when the register has a metric of such a name: prom-client takes no name twice
 * @see [errors, prometheusMetrics](../../../docs/errors.md#prometheusmetrics)
 */
export function prometheusMetrics(
  register: MetricsRegister,
  options: PrometheusOptions = {},
): (outcome: RequestOutcome) => void {
  checkArguments(register, options);
  const metrics = registerMetrics(register, options);
  const policies = new FirstNames(options.maxPolicies ?? 50);
  return ({ status, errcode, outcome = '', durationMs, tries, scope, policy, reason, failedCall }) => {
    metrics.requests.inc({ ...answerLabels(status, errcode), outcome });
    metrics.duration.observe({ status_class: classOf(status) }, durationMs / 1_000);
    if (tries > 1) metrics.retries.inc(tries - 1);
    if (scope !== undefined) metrics.rateLimited.inc({ scope: knownScope(scope) });
    if (policy !== undefined) metrics.policyRefusals.inc({ policy: policies.of(policy) });
    if (reason !== undefined) metrics.roomRefusals.inc({ reason: knownReason(reason) });
    if (failedCall !== undefined) metrics.hostCallFailures.inc({ call: knownCall(failedCall) });
  };
}
