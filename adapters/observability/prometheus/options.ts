import type { OpenMetricsContentType, PrometheusContentType, Registry } from 'prom-client';
import { checkOptions, hasMethods, integerOption, type OptionChecks } from '../../../src/internal/options.ts';

/** A `Registry` of prom-client, with either content type. */
export type MetricsRegister = Registry<PrometheusContentType> | Registry<OpenMetricsContentType>;

/** Options for `prometheusMetrics`. */
export type PrometheusOptions = {
  /** The prefix of metric names. Default `matrix_invite_`. */
  readonly prefix?: string | undefined;
  /**
   * The upper bounds of the histogram's buckets, in seconds, in ascending order. Default 0.005, 0.01, 0.025,
   * 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20: with the router's own defaults, a request takes at most 20 s
   * (the deadline twice, and the time for a body).
   */
  readonly buckets?: readonly number[] | undefined;
  /**
   * The maximum number of policy names that get their own label value. The others share `other`. Default 50.
   */
  readonly maxPolicies?: number | undefined;
};

const optionChecks: OptionChecks<PrometheusOptions> = {
  prefix: {
    expects:
      'a string of letters, digits, _ and : that does not start with a digit, such as "matrix_invite_"',
    accepts: (value) => typeof value === 'string' && /^(?:[a-zA-Z_:][a-zA-Z0-9_:]*)?$/.test(value),
  },
  buckets: {
    expects: 'a non-empty list of seconds above 0, in ascending order',
    accepts: isListOfBounds,
  },
  maxPolicies: integerOption('names'),
};

/** @throws {TypeError} for anything but a registry of prom-client, and for an unknown or invalid option */
export function checkArguments(register: MetricsRegister, options: PrometheusOptions): void {
  if (!hasMethods(register, 'registerMetric', 'getSingleMetric')) {
    throw new TypeError('prometheusMetrics takes a prom-client Registry');
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
