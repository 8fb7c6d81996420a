import type { RequestOutcome } from '../../../src/ports/outcome.ts';
import {
  answerLabel,
  callLabel,
  errcodeLabel,
  FirstNames,
  reasonLabel,
  scopeLabel,
  statusClassLabel,
  statusLabel,
} from './labels.ts';
import { registerMetrics } from './metrics.ts';
import { checkArguments, type MetricsRegister, type PrometheusOptions } from './options.ts';

export type { MetricsRegister, PrometheusOptions } from './options.ts';

/**
 * Counts the outcomes of requests as metrics of `prom-client` 15, for the router's option `onOutcome`.
 *
 * ```ts
 * import { register } from 'prom-client';
 *
 * createInviteRouter({ onOutcome: prometheusMetrics(register), … });
 * ```
 *
 * The metrics are registered at once, and start at 0 if their labels are known in advance. No label contains
 * the ID of a user, a room or a request, and each label has a bounded number of values, whatever policies and
 * adapters return. Routers that share a registry must share one function, or each set another `prefix`.
 *
 * @throws {TypeError} for anything but a registry, and for an unknown or invalid option
 * @throws {Error} if the registry already has a metric of the same name: prom-client accepts each name once
 * @see [errors, prometheusMetrics](../../../docs/errors.md#prometheusmetrics)
 */
export function prometheusMetrics(
  register: MetricsRegister,
  options: PrometheusOptions = {},
): (outcome: RequestOutcome) => void {
  checkArguments(register, options);
  const metrics = registerMetrics(register, options);
  const policies = new FirstNames(options.maxPolicies ?? 50);
  return (ended) => {
    const {
      status,
      errcode = '',
      outcome = '',
      durationMs,
      tries,
      scope,
      policy,
      reason,
      failedCall,
    } = ended;
    metrics.requests.inc({ status: statusLabel(status), errcode: errcodeLabel(errcode), outcome });
    metrics.duration.observe({ status_class: statusClassLabel(status) }, durationMs / 1_000);
    if (tries > 1) metrics.retries.inc(tries - 1);
    if (scope !== undefined) metrics.rateLimited.inc({ scope: scopeLabel(scope) });
    if (policy !== undefined) metrics.policyRefusals.inc({ policy: policies.label(policy) });
    if (reason !== undefined) metrics.roomRefusals.inc({ reason: reasonLabel(reason) });
    const answer = answerLabel(ended);
    if (answer !== undefined) metrics.remoteAnswers.inc({ remote_answer: answer });
    if (failedCall !== undefined) metrics.hostCallFailures.inc({ call: callLabel(failedCall) });
  };
}
