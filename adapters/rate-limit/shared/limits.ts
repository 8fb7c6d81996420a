import type { RateLimitScope } from '../../../src/ports/rate-limit.ts';

/** How often something may happen. */
export type RateLimit = {
  /** Calls allowed in a window: a whole number from 1 on. */
  readonly points: number;
  /** Length of a window, in seconds: a whole number from 1 to 2,147,483 (almost 25 days). */
  readonly durationSeconds: number;
};

/** A limit for each scope. `false` switches a scope off; one that is left out has its default. */
export type RateLimits = { readonly [S in RateLimitScope]?: RateLimit | false };

/** A limit for each scope, with nothing left to fill in. */
export type FullRateLimits = { readonly [S in RateLimitScope]: RateLimit | false };

/**
 * The limits of a scope that is left out.
 *
 * Those on invites follow what Synapse allows by default (`rc_invites`): bursts of 10, refilled by 0.3 a second, for
 * a room and for an inviter; bursts of 5, refilled by 0.003 a second, for an invitee. Synapse's are leaky buckets;
 * these are fixed windows, as long as such a bucket takes to refill, and start with a key's first call.
 * At worst `2 × points − 1` calls come in quick succession: all but the first of a window at its very end, and
 * then those of the next.
 */
export const DEFAULT_RATE_LIMITS: { readonly [S in RateLimitScope]: RateLimit } = Object.freeze({
  attempt: Object.freeze({ points: 60, durationSeconds: 60 }),
  inviter: Object.freeze({ points: 10, durationSeconds: 33 }),
  room: Object.freeze({ points: 10, durationSeconds: 33 }),
  invitee: Object.freeze({ points: 5, durationSeconds: 1_667 }),
});

/** Node's timers hold at most 2³¹ − 1 milliseconds; a longer one fires at once. */
const LONGEST_DURATION_SECONDS = 2_147_483;

/**
 * Checks limits, and fills in the defaults. The result is a copy: changing the argument later changes nothing.
 *
 * @throws {TypeError} for an unknown scope or field (naming the allowed ones), and for a number out of its range
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
  checkWhole(points, Number.MAX_SAFE_INTEGER, `${what}: points`);
  checkWhole(durationSeconds, LONGEST_DURATION_SECONDS, `${what}: durationSeconds`);
  return { points, durationSeconds };
}

function checkFields(value: unknown, allowed: readonly string[], what: string, field: string): void {
  const names = allowed.join(', ');
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${what}: must be an object of ${names}`);
  }
  for (const name of Object.keys(value)) {
    if (!allowed.includes(name))
      throw new TypeError(`${what}: unknown ${field} "${name}"; allowed: ${names}`);
  }
}

// rate-limiter-flexible takes 0 for "never ends", and its Redis limiter rounds 0.5 down to that.
function checkWhole(value: unknown, most: number, what: string): void {
  if (!Number.isSafeInteger(value) || Number(value) < 1 || Number(value) > most) {
    throw new TypeError(`${what} must be a whole number from 1 to ${most}`);
  }
}
