import {
  checkOptions,
  integerOption,
  loggerOption,
  nonEmptyStringOption,
  type OptionChecks,
  oneOf,
} from '../../../src/internal/options.ts';
import type { Logger } from '../../../src/ports/logger.ts';
import type { RateLimits } from '../shared/limits.ts';

/** The behavior of `RedisRateLimit` while Redis is unavailable. */
export type OnStoreError = 'memory' | 'allow' | 'deny';

/** Options for `RedisRateLimit`. */
export type RedisRateLimitOptions = {
  /**
   * A limit for each scope; `false` disables a scope. Default `DEFAULT_RATE_LIMITS`: `attempt` 60 in 60 s,
   * `inviter` and `room` 10 in 33 s, `invitee` 5 in 1,667 s.
   */
  readonly limits?: RateLimits | undefined;
  /**
   * The prefix of Redis keys: `prefix:scope:id`. The client's own `keyPrefix` comes before it. Host apps that
   * share a Redis need different prefixes. Default `matrix-invite`.
   */
  readonly keyPrefix?: string | undefined;
  /**
   * The maximum time that one decision waits for Redis, in milliseconds. If a blocked event loop delays this timeout, the
   * decision waits up to the same time again. Default 200.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * What to do while Redis is unavailable:
   * - `memory`: each process counts on its own, so together they allow up to points × (processes + 1) in a
   *   window, including the points from Redis
   * - `allow`: nothing is limited
   * - `deny`: every limited request gets a 503
   *
   * Default `memory`.
   */
  readonly onStoreError?: OnStoreError | undefined;
  /**
   * Receives one line when Redis becomes unavailable, and one when it is available again. Default: a warning
   * on the console.
   */
  readonly logger?: Logger | undefined;
};

const optionChecks: OptionChecks<RedisRateLimitOptions> = {
  // Their content has its own checks.
  limits: { expects: 'an object of limits', accepts: () => true },
  keyPrefix: nonEmptyStringOption,
  timeoutMs: integerOption('milliseconds'),
  onStoreError: oneOf('memory', 'allow', 'deny'),
  logger: loggerOption,
};

/** @throws {TypeError} for an unknown or invalid option */
export function checkRedisOptions(options: RedisRateLimitOptions): void {
  checkOptions('RedisRateLimit', options, optionChecks);
}
