import type { CallContext } from './context.ts';

/**
 * The scope of a limit, by what it counts:
 * - `attempt`: requests by one requester, allowed or not
 * - `inviter`, `room`, `invitee`: invites by one user, into one room, of one user
 */
export type RateLimitScope = 'attempt' | 'inviter' | 'room' | 'invitee';

/** One counter: `key` is a user ID or a room ID. */
export type RateLimitBucket = { readonly scope: RateLimitScope; readonly key: string };

/** @inline */
type LimitReached = {
  readonly allowed: false;
  /** The scope with the longest wait. For logs and metrics, never for the caller. */
  readonly scope: RateLimitScope;
  /** Milliseconds, at least 1. */
  readonly retryAfterMs: number;
};

/** The result of `consume`. */
export type RateLimitDecision<Receipt = unknown> =
  | { readonly allowed: true; readonly receipt: Receipt }
  | LimitReached;

/** The decision that `consume` would return. A moment later it may be different: nothing is reserved. */
export type RateLimitForecast = { readonly allowed: true } | LimitReached;

/** Counts rate limits. */
export interface RateLimitAdapter<Receipt = unknown> {
  /**
   * Consumes one point of every bucket.
   *
   * 1. It consumes from every bucket, or from none. When it refuses, it returns the longest wait (milliseconds) among
   *    the buckets that refused, and that bucket's scope.
   * 2. Of racing calls on one key, never more than its points are allowed in a window, over all processes that share the
   *    store.
   * 3. A refused call neither extends a window nor counts in it.
   * 4. A key's window starts with its first point, and ends after the scope's time, whatever is consumed, refused or
   *    refunded meanwhile. It may end earlier if all of its points are refunded. The next point starts another.
   *
   * It rejects only when it cannot decide: a 503.
   */
  consume(buckets: readonly RateLimitBucket[], context: CallContext): Promise<RateLimitDecision<Receipt>>;

  /**
   * Refunds what a call of `consume` consumed.
   *
   * 5. It does so once, until the window that the points were consumed from ends. After that it does nothing.
   */
  refund(receipt: Receipt, context: CallContext): Promise<void>;

  /**
   * Optional. Returns what `consume` would decide on these buckets at this moment: for a dry run, which must cost its
   * user nothing.
   *
   * 6. It consumes nothing, not even for a moment, and neither opens nor extends a window.
   * 7. It counts as `consume` does: the same decision and, for a refusal, the same scope and wait.
   *
   * It rejects only when it cannot tell.
   */
  peek?(buckets: readonly RateLimitBucket[], context: CallContext): Promise<RateLimitForecast>;

  /**
   * Optional. Consumes one point of every bucket of two lists, as one call of `consume` on all of them does. It saves
   * the round trip of a separate call for points that are never refunded.
   *
   * 8. It decides as `consume` on all buckets would, and promises 1 to 4 hold for it.
   * 9. `refund` of its receipt refunds the points of `refundable`, and never those of `kept`.
   */
  consumeKeeping?(
    kept: readonly RateLimitBucket[],
    refundable: readonly RateLimitBucket[],
    context: CallContext,
  ): Promise<RateLimitDecision<Receipt>>;
}
