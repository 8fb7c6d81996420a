import { isOptionsObject } from '../../../src/internal/options.ts';
import type { RateLimitForecast, RateLimitScope } from '../../../src/ports/rate-limit.ts';

/** The number of calls allowed in a window of time. */
export type RateLimit = {
  /** The number of calls allowed in a window: an integer, at least 1. */
  readonly points: number;
  /** The length of a window in seconds: an integer from 1 to 2,147,483 (almost 25 days). */
  readonly durationSeconds: number;
};

/** A limit for each scope. `false` disables a scope. A scope that is left out keeps its default. */
export type RateLimits = { readonly [S in RateLimitScope]?: RateLimit | false | undefined };

/** A limit for each scope, with the defaults filled in. */
export type FullRateLimits = { readonly [S in RateLimitScope]: RateLimit | false };

/** The refusal of a call that exceeds a limit. */
export type LimitRefusal = Extract<RateLimitForecast, { readonly allowed: false }>;

/**
 * The default limits.
 *
 * The limits on invites follow Synapse's defaults (`rc_invites`): bursts of 10, refilled at 0.3 per second,
 * for a room and for an inviter; bursts of 5, refilled at 0.003 per second, for an invitee. Synapse uses
 * leaky buckets. These are fixed windows, which start with a key's first call and last as long as such a
 * bucket takes to refill. In the worst case, `2 × points − 1` calls are allowed in quick succession: all but
 * the first call of a window at its very end, followed by those of the next window.
 */
export const DEFAULT_RATE_LIMITS: { readonly [S in RateLimitScope]: RateLimit } = Object.freeze({
  attempt: Object.freeze({ points: 60, durationSeconds: 60 }),
  inviter: Object.freeze({ points: 10, durationSeconds: 33 }),
  room: Object.freeze({ points: 10, durationSeconds: 33 }),
  invitee: Object.freeze({ points: 5, durationSeconds: 1_667 }),
});

/** Node's timers hold at most 2³¹ − 1 milliseconds. A longer timer fires at once. */
const MAX_DURATION_SECONDS = 2_147_483;

/**
 * Checks limits and fills in the defaults. The result is a copy: later changes to the argument have no
 * effect.
 *
 * @throws {TypeError} for an unknown scope or field (the message lists the allowed ones), and for a number
 *   out of range
 */
export function fullRateLimits(limits: RateLimits = {}): FullRateLimits {
  checkFields(limits, Object.keys(DEFAULT_RATE_LIMITS), 'Rate limits', 'scope');
  return {
    attempt: limitOf('attempt', limits),
    inviter: limitOf('inviter', limits),
    room: limitOf('room', limits),
    invitee: limitOf('invitee', limits),
  };
}

function limitOf(scope: RateLimitScope, limits: RateLimits): RateLimit | false {
  const { [scope]: limit = DEFAULT_RATE_LIMITS[scope] } = limits;
  if (limit === false) return false;
  const what = `Rate limit "${scope}"`;
  checkFields(limit, Object.keys(DEFAULT_RATE_LIMITS[scope]), what, 'field');
  const { points, durationSeconds } = limit;
  checkInteger(points, Number.MAX_SAFE_INTEGER, `${what}: points`);
  checkInteger(durationSeconds, MAX_DURATION_SECONDS, `${what}: durationSeconds`);
  return { points, durationSeconds };
}

function checkFields(value: unknown, allowed: readonly string[], what: string, field: string): void {
  const names = allowed.join(', ');
  if (!isOptionsObject(value)) {
    throw new TypeError(`${what}: must be an object with ${names}`);
  }
  for (const name of Object.keys(value)) {
    if (!allowed.includes(name))
      throw new TypeError(`${what}: unknown ${field} "${name}"; allowed: ${names}`);
  }
}

// In rate-limiter-flexible, a duration of 0 never ends, and its Redis limiter rounds 0.5 down to 0.
function checkInteger(value: unknown, max: number, what: string): void {
  if (!Number.isSafeInteger(value) || Number(value) < 1 || Number(value) > max) {
    throw new TypeError(`${what} must be an integer from 1 to ${max}`);
  }
}
