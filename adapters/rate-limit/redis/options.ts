import {
  checkOptions,
  hasMethods,
  integerOption,
  loggerOption,
  type OptionChecks,
} from '../../../src/internal/options.ts';
import type { Logger } from '../../../src/ports/logger.ts';
import type { RateLimits } from '../shared/limits.ts';
import type { RedisClient } from './client.ts';
import type { OnStoreError } from './outage.ts';

/** The options of `RedisRateLimit`. */
export type RedisRateLimitOptions = {
  /**
   * A limit for each scope; `false` switches one off. Default `DEFAULT_RATE_LIMITS`: `attempt` 60 in 60 s, `inviter`
   * and `room` 10 in 33 s, `invitee` 5 in 1,667 s.
   */
  readonly limits?: RateLimits;
  /**
   * What the names of the keys start with: `prefix:scope:id`, after the client's own `keyPrefix`. Hosts that share
   * a Redis need different ones. Default `matrix-invite`.
   */
  readonly keyPrefix?: string;
  /** How long one decision may wait for Redis, in milliseconds. Default 200. */
  readonly timeoutMs?: number;
  /**
   * What happens while Redis cannot be asked:
   * - `memory`: each process counts for itself, so that together they allow up to points × processes
   * - `allow`: there are no limits
   * - `deny`: every call is turned away, with 503
   *
   * Default `memory`.
   */
  readonly onStoreError?: OnStoreError;
  /** Told once when Redis cannot be asked, and once when it can again. Default: a warning on the console. */
  readonly logger?: Logger;
};

const optionChecks: OptionChecks<RedisRateLimitOptions> = {
  limits: {
    expects: 'an object of limits',
    // Their content has checks of its own.
    accepts: () => true,
  },
  keyPrefix: {
    expects: 'a text that is not empty',
    accepts: (value) => typeof value === 'string' && value !== '',
  },
  timeoutMs: integerOption('milliseconds'),
  onStoreError: {
    expects: '"memory", "allow" or "deny"',
    accepts: (value) => value === 'memory' || value === 'allow' || value === 'deny',
  },
  logger: loggerOption,
};

/** @throws {TypeError} for what is no client of ioredis, and for an unknown or ill-typed option */
export function checkArguments(client: RedisClient, options: RedisRateLimitOptions): void {
  if (!hasMethods(client, 'defineCommand', 'srem') || typeof client.status !== 'string') {
    throw new TypeError('RedisRateLimit takes a client of ioredis: a Redis or a Cluster');
  }
  checkOptions('RedisRateLimit', options, optionChecks);
}
