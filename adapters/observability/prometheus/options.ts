import type { OpenMetricsContentType, PrometheusContentType, Registry } from 'prom-client';
import { checkOptions, hasMethods, integerOption, type OptionChecks } from '../../../src/internal/options.ts';

/** A `Registry` of prom-client, of either content type. */
export type MetricsRegister = Registry<PrometheusContentType> | Registry<OpenMetricsContentType>;

/** The options of `prometheusMetrics`. */
export type PrometheusOptions = {
  /** What the names of the metrics start with. Default `matrix_invite_`. */
  readonly prefix?: string;
  /**
   * The upper bounds of the histogram's buckets, in seconds, rising. Default 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
   * 1, 2.5, 5, 10, 20: a request takes at most 20 s with the router's own defaults (the deadline twice, and the time
   * for a body).
   */
  readonly buckets?: readonly number[];
  /** How many names of policies get a label of their own; the others share `other`. Default 50. */
  readonly maxPolicies?: number;
};

const optionChecks: OptionChecks<PrometheusOptions> = {
  prefix: {
    expects: 'a text of letters, digits, _ and : that starts with no digit, such as "matrix_invite_"',
    accepts: (value) => typeof value === 'string' && /^(?:[a-zA-Z_:][a-zA-Z0-9_:]*)?$/.test(value),
  },
  buckets: {
    expects: 'a list of rising numbers of seconds above 0',
    accepts: isListOfBounds,
  },
  maxPolicies: integerOption('names'),
};

/** @throws {TypeError} for what is no register of prom-client, and for an unknown or ill-typed option */
export function checkArguments(register: MetricsRegister, options: PrometheusOptions): void {
  if (!hasMethods(register, 'registerMetric', 'getSingleMetric')) {
    throw new TypeError('prometheusMetrics takes a Registry of prom-client');
  }
  checkOptions('prometheusMetrics', options, optionChecks);
}

function isListOfBounds(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((bound, index) => Number.isFinite(bound) && bound > (index === 0 ? 0 : value[index - 1]))
  );
}
