import type { CallContext } from './context.ts';

/**
 * What a limit counts.
 * - `attempt`: what one requester asks, allowed or not
 * - `inviter`, `room`, `invitee`: invites by one user, into one room, of one user
 */
export type RateLimitScope = 'attempt' | 'inviter' | 'room' | 'invitee';

/** One count: `key` is a user id or a room id. */
export type RateLimitBucket = { readonly scope: RateLimitScope; readonly key: string };

/** @inline */
type Refusal = {
  readonly allowed: false;
  /** The scope that has the longest wait. For logs and metrics, never for the caller. */
  readonly scope: RateLimitScope;
  /** Milliseconds, at least 1. */
  readonly retryAfterMs: number;
};

/** What became of a call of `consume`. */
export type RateLimitDecision<Receipt = unknown> =
  | { readonly allowed: true; readonly receipt: Receipt }
  | Refusal;

/** What `consume` would decide. A moment later it may decide otherwise: nothing is set aside. */
export type RateLimitForecast = { readonly allowed: true } | Refusal;

/** Where rate limits are counted. */
export interface RateLimitAdapter<Receipt = unknown> {
  /**
   * Takes one point from every bucket.
   *
   * 1. It debits every bucket, or none. When it refuses, it names the longest wait (milliseconds) among the
   *    buckets that refused, and that bucket's scope.
   * 2. Of racing calls on one key never more than its points are allowed in a window, over all processes that
   *    share the store.
   * 3. A refused call neither lengthens a window nor counts in it.
   * 4. A key's window ends.
   *
   * It rejects only when it cannot decide: answered 503.
   */
  consume(buckets: readonly RateLimitBucket[], context: CallContext): Promise<RateLimitDecision<Receipt>>;

  /**
   * Gives back what a call of `consume` took.
   *
   * 5. It does so once, while the window that was debited lives; afterwards it does nothing.
   */
  refund(receipt: Receipt, context: CallContext): Promise<void>;

  /**
   * Optional. Says what `consume` would decide on these buckets at this moment: for a dry run, which must cost its
   * user nothing.
   *
   * 6. It takes nothing, not even for a moment, and neither opens nor lengthens a window.
   * 7. It counts as `consume` does: the same decision, and of a refusal the same scope and wait.
   *
   * It rejects only when it cannot tell.
   */
  peek?(buckets: readonly RateLimitBucket[], context: CallContext): Promise<RateLimitForecast>;
}
