import { ignoreRejections } from '../internal/unawaited.ts';
import type { Requester } from '../ports/auth.ts';
import type { CallContext } from '../ports/context.ts';
import type { PolicyRequest } from '../ports/policy.ts';
import type {
  RateLimitAdapter,
  RateLimitBucket,
  RateLimitDecision,
  RateLimitForecast,
} from '../ports/rate-limit.ts';
import type { ServiceConfig } from './config.ts';
import type { Deadline } from './deadline.ts';
import { type Refused, refused } from './decision.ts';
import { hostFailure, internalError, rateLimited, waitOf } from './refusals.ts';
import type { Run } from './run.ts';

/** A refund has its own timeout, in milliseconds: it often follows a request whose deadline is over. */
const REFUND_TIMEOUT_MS = 1_000;

/**
 * Consumes a point of the requester's `attempt` limit, which is never refunded.
 *
 * @returns the refusal, if the limit is reached
 * @throws {MatrixError} (rejects) 503 when the limits cannot be consumed, 500 for a bug in the adapter
 */
export function consumeAttempt(
  rateLimit: RateLimitAdapter | false,
  requester: Requester,
  deadline: Deadline,
): Promise<Refused | undefined> {
  return consumeForGood(rateLimit, requester, attemptOf(requester), deadline);
}

/**
 * Consumes the limits of an invite by address, which are never refunded: without them, anybody could ask an identity
 * server who has an account, and have it send emails, for free.
 *
 * @returns the refusal, if a limit is reached
 * @throws {MatrixError} (rejects) 503 when the limits cannot be consumed, 500 for a bug in the adapter
 */
export function consumeForAddress(
  rateLimit: RateLimitAdapter | false,
  { requester, roomId, addressHash }: { requester: Requester; roomId: string; addressHash: string },
  deadline: Deadline,
): Promise<Refused | undefined> {
  const buckets = bucketsOf({ requester, roomId, userId: addressHash }, false);
  return consumeForGood(rateLimit, requester, buckets, deadline);
}

async function consumeForGood(
  rateLimit: RateLimitAdapter | false,
  requester: Requester,
  buckets: readonly RateLimitBucket[],
  deadline: Deadline,
): Promise<Refused | undefined> {
  if (rateLimit === false || requester.isRateLimitExempt === true) return undefined;
  return refusedByLimit(await consume(deadline, 'consume', (context) => rateLimit.consume(buckets, context)));
}

/** Consumes the point of the `attempt` limit that is due. Returns the refusal, if the limit is reached. */
export function consumeDueAttempt<R extends Requester>(run: Run<R>): Promise<Refused | undefined> {
  run.isAttemptDue = false;
  return consumeAttempt(run.config.rateLimit, run.request.requester, run.deadline);
}

/**
 * Returns true if an invite may consume the `attempt` limit together with the others, which saves a round trip. An
 * attempt must not cost anything else before it is counted, so this holds only if nothing but the store's memory is
 * asked.
 */
export function mayDeferAttempt<R extends Requester>(
  { rateLimit, storage, users, policies }: ServiceConfig<R>,
  requester: R,
): boolean {
  return (
    rateLimit !== false &&
    rateLimit.consumeKeeping !== undefined &&
    storage.recall !== undefined &&
    users === undefined &&
    policies.length === 0 &&
    requester.isRateLimitExempt !== true
  );
}

/**
 * The points that one invite consumes: once, however often it is decided. They are refunded unless the invite is
 * appended or dropped.
 */
export class InvitePoints<R extends Requester> {
  readonly #run: Run<R>;
  #consumed: { readonly receipt: unknown } | undefined;

  constructor(run: Run<R>) {
    this.#run = run;
  }

  /**
   * Consumes a point of each bucket, the first time it is called, and of the `attempt` limit if that is due. If a limit
   * is reached, nothing is consumed.
   *
   * @returns the refusal, if a limit is reached
   * @throws {MatrixError} (rejects) 503 when the limits cannot be consumed, 500 for a bug in the adapter
   */
  async consumeOnce(isDrop: boolean): Promise<Refused | undefined> {
    const { config, request, deadline, isInviterCounted } = this.#run;
    const { rateLimit, background } = config;
    const buckets = bucketsOf(request, isDrop, isInviterCounted);
    if (this.#consumed !== undefined || rateLimit === false || buckets.length === 0) return undefined;
    const consumeKeeping = this.#run.isAttemptDue ? rateLimit.consumeKeeping : undefined;
    const decision = await consume(
      deadline,
      consumeKeeping === undefined ? 'consume' : 'consumeKeeping',
      (context) =>
        consumeKeeping === undefined
          ? rateLimit.consume(buckets, context)
          : consumeKeeping.call(rateLimit, attemptOf(request.requester), buckets, context),
      (leftBehind) => background.add(this.#refundLate(leftBehind)),
    );
    if (decision.allowed) {
      this.#consumed = { receipt: decision.receipt };
      this.#run.isAttemptDue = false;
    }
    return refusedByLimit(decision);
  }

  /** Refunds what was consumed. A failure is only logged: it does not change the response. */
  refund(): Promise<void> | undefined {
    if (this.#consumed === undefined) return undefined;
    const refunded = this.#refund(this.#consumed.receipt);
    this.#consumed = undefined;
    const { config, deadline } = this.#run;
    config.background.add(refunded);
    return deadline.race(refunded).catch(() => {});
  }

  /** Refunds the points of a decision that arrives after the deadline: its request has already failed. */
  async #refundLate(leftBehind: Promise<RateLimitDecision>): Promise<void> {
    const decision: unknown = await leftBehind.catch(() => undefined);
    if (!isDecision(decision)) ignoreRejections(decision);
    else if (decision.allowed) await this.#refund(decision.receipt);
  }

  async #refund(receipt: unknown): Promise<void> {
    const { config, log } = this.#run;
    if (config.rateLimit === false) return;
    try {
      await config.rateLimit.refund(receipt, { signal: AbortSignal.timeout(REFUND_TIMEOUT_MS) });
    } catch (err) {
      log.warn({ err }, 'A rate limit could not be refunded');
    }
  }
}

/**
 * Checks for a dry run whether the limits would allow the invite. An adapter without `peek` is skipped, because calling
 * `consume` would cost a point.
 *
 * @throws {MatrixError} (rejects) 503 when the adapter fails, 500 for a bug in it
 */
export async function peekLimits<R extends Requester>(
  { config: { rateLimit }, request, deadline }: Run<R>,
  isDrop: boolean,
): Promise<Refused | undefined> {
  const buckets = bucketsOf(request, isDrop);
  if (rateLimit === false || rateLimit.peek === undefined || buckets.length === 0) return undefined;
  const forecast = await deadline
    .call('peek', async (context) => rateLimit.peek?.(buckets, context))
    .catch((cause: unknown) => {
      throw hostFailure(cause);
    });
  return refusedByLimit(checkedDecision('peek', forecast));
}

async function consume(
  deadline: Deadline,
  method: 'consume' | 'consumeKeeping',
  call: (context: CallContext) => Promise<RateLimitDecision>,
  whenLate?: (leftBehind: Promise<RateLimitDecision>) => void,
): Promise<RateLimitDecision> {
  let decision: unknown;
  try {
    decision = await deadline.call('consume', call, whenLate);
  } catch (cause) {
    throw hostFailure(cause);
  }
  return checkedDecision(method, decision);
}

/** @throws {MatrixError} 500 for anything but a decision: a promise as `allowed`, say, must not count as true */
function checkedDecision(
  method: 'consume' | 'consumeKeeping' | 'peek',
  decision: unknown,
): RateLimitDecision {
  if (isDecision(decision)) return decision;
  ignoreRejections(decision);
  throw internalError(
    new TypeError(
      `rateLimit.${method} must resolve to an object with allowed: true, or with allowed: false, a scope and a ` +
        'number as retryAfterMs',
    ),
  );
}

function isDecision(value: unknown): value is RateLimitDecision {
  if (typeof value !== 'object' || value === null) return false;
  const { allowed, scope, retryAfterMs } = value as { [Field in keyof Refusal]?: unknown };
  return (
    allowed === true || (allowed === false && typeof scope === 'string' && typeof retryAfterMs === 'number')
  );
}

type Refusal = Extract<RateLimitDecision, { readonly allowed: false }>;

function refusedByLimit(decision: RateLimitForecast): Refused | undefined {
  if (decision.allowed) return undefined;
  const { scope } = decision;
  const retryAfterMs = waitOf(decision.retryAfterMs);
  return refused({ by: 'rateLimit', scope, retryAfterMs }, rateLimited(scope, retryAfterMs));
}

function attemptOf({ userId }: Requester): readonly RateLimitBucket[] {
  return [{ scope: 'attempt', key: userId }];
}

/**
 * The buckets that an invite consumes.
 *
 * @param isDrop whether to leave out the invitee's bucket: invites that the invitee never sees must not use it up
 * @param isInviterCounted whether the other buckets have been consumed before
 */
function bucketsOf(
  { requester, roomId, userId }: PolicyRequest,
  isDrop: boolean,
  isInviterCounted = false,
): readonly RateLimitBucket[] {
  if (requester.isRateLimitExempt === true) return [];
  const ofInviter: readonly RateLimitBucket[] = isInviterCounted
    ? []
    : [
        { scope: 'inviter', key: requester.userId },
        { scope: 'room', key: roomId },
      ];
  return isDrop ? ofInviter : [...ofInviter, { scope: 'invitee', key: userId }];
}
