import * as promClient from 'prom-client';
import { checkDriver } from '../../../src/internal/driver.ts';
import { ANSWERS, CALLS, ERRCODES_BY_STATUS, OUTCOMES, REASONS, SCOPES, STATUS_CLASSES } from './labels.ts';
import type { MetricsRegister, PrometheusOptions } from './options.ts';

const { Counter, Histogram } = checkDriver('observability/prometheus', 'prom-client', promClient, [
  'Counter',
  'Histogram',
]);

const DEFAULT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];

/** The names of the metrics, without the prefix. */
const NAMES = {
  requests: 'requests_total',
  duration: 'duration_seconds',
  retries: 'retries_total',
  rateLimited: 'rate_limited_total',
  policyRefusals: 'policy_refusals_total',
  roomRefusals: 'room_refusals_total',
  remoteAnswers: 'remote_answers_total',
  hostCallFailures: 'host_call_failures_total',
};

/**
 * Creates the metrics in a registry. Series whose labels are known in advance start at 0: `rate` would not
 * see the first event of a series that starts at 1.
 *
 * @throws {Error} if the registry already has one of the names. It then gets none of them.
 */
export function registerMetrics(register: MetricsRegister, options: PrometheusOptions) {
  const { prefix = 'matrix_invite_', buckets = DEFAULT_BUCKETS } = options;
  for (const name of Object.values(NAMES)) throwIfTaken(register, `${prefix}${name}`);
  const registers = [register];

  function counter<Label extends string>(name: string, help: string, labelNames: readonly Label[]) {
    return new Counter({ name: `${prefix}${name}`, help, labelNames, registers });
  }

  const requests = counter(NAMES.requests, 'Requests, by response.', ['status', 'errcode', 'outcome']);
  for (const [status, errcodes] of Object.entries(ERRCODES_BY_STATUS)) {
    const outcomes = status === '200' ? OUTCOMES : [''];
    for (const errcode of errcodes) {
      for (const outcome of outcomes) requests.inc({ status, errcode, outcome }, 0);
    }
  }

  const duration = new Histogram({
    name: `${prefix}${NAMES.duration}`,
    help: 'Time from the first line of the router to the response.',
    labelNames: ['status_class'],
    buckets: [...buckets],
    registers,
  });
  for (const status_class of STATUS_CLASSES) duration.zero({ status_class });

  const retries = counter(
    NAMES.retries,
    'Decisions repeated because the room had changed in the meantime.',
    [],
  );

  const rateLimited = counter(NAMES.rateLimited, 'Refusals by a rate limit.', ['scope']);
  for (const scope of SCOPES) rateLimited.inc({ scope }, 0);

  const policyRefusals = counter(NAMES.policyRefusals, 'Invites that a policy refused or dropped.', [
    'policy',
  ]);

  const roomRefusals = counter(NAMES.roomRefusals, 'Refusals by the rules of the room.', ['reason']);
  for (const reason of REASONS) roomRefusals.inc({ reason }, 0);

  const remoteAnswers = counter(
    NAMES.remoteAnswers,
    'Invites about which another server was asked, by its response.',
    ['remote_answer'],
  );
  for (const remote_answer of ANSWERS) remoteAnswers.inc({ remote_answer }, 0);

  const hostCallFailures = counter(
    NAMES.hostCallFailures,
    'Requests during which a function of the host app failed or took too long, by the first such function.',
    ['call'],
  );
  for (const call of CALLS) hostCallFailures.inc({ call }, 0);

  return {
    requests,
    duration,
    retries,
    rateLimited,
    policyRefusals,
    roomRefusals,
    remoteAnswers,
    hostCallFailures,
  };
}

function throwIfTaken(register: MetricsRegister, name: string): void {
  if (register.getSingleMetric(name) === undefined) return;
  throw new Error(
    `prometheusMetrics: the registry already has a metric ${name}; ` +
      'pass all routers the function that the first call returned, or set another "prefix"',
  );
}
