import type { Requester } from '../ports/auth.ts';
import type { CallContext } from '../ports/context.ts';
import type { PolicyRequest } from '../ports/policy.ts';
import type { RateLimitBucket, RateLimitDecision, RateLimitForecast } from '../ports/rate-limit.ts';
import type { ServiceSetting } from './config.ts';
import type { Deadline } from './deadline.ts';
import { rateLimited, unavailable } from './refusals.ts';
import type { InviteTrace } from './trace.ts';

/** A refund has a time of its own: it often follows a request whose deadline is over. In milliseconds. */
const REFUND_TIMEOUT_MS = 1_000;

/**
 * Takes a point from every bucket.
 *
 * @param whenLate gets the call that was left behind at the deadline
 * @returns the adapter's receipt
 * @throws {MatrixError} 429 when a limit is reached, 503 when the limits cannot be asked
 */
export async function takePoints(
  consume: (context: CallContext) => Promise<RateLimitDecision>,
  deadline: Deadline,
  trace: InviteTrace,
  whenLate?: (leftBehind: Promise<RateLimitDecision>) => void,
): Promise<unknown> {
  let decision: RateLimitDecision;
  try {
    decision = await deadline.call('consume', consume, whenLate);
  } catch (cause) {
    throw unavailable(cause);
  }
  refuseLimited(decision, trace);
  return decision.receipt;
}

/** @throws {MatrixError} 429, when the decision is a refusal */
export function refuseLimited<Decision extends RateLimitForecast>(
  decision: Decision,
  trace: InviteTrace,
): asserts decision is Decision & { readonly allowed: true } {
  if (decision.allowed) return;
  trace.scope = decision.scope;
  throw rateLimited(decision.retryAfterMs);
}

/**
 * What an invite takes a point from.
 *
 * @param isDrop whether the invitee is spared: who is never told of an invite must not lose others for it
 */
export function bucketsOf(
  { requester, roomId, userId }: PolicyRequest<Requester>,
  isDrop: boolean,
): readonly RateLimitBucket[] {
  if (requester.isRateLimitExempt === true) return [];
  const ofInviter = [
    { scope: 'inviter', key: requester.userId },
    { scope: 'room', key: roomId },
  ] as const;
  return isDrop ? ofInviter : [...ofInviter, { scope: 'invitee', key: userId }];
}

type DebitSetting = Pick<ServiceSetting, 'rateLimit' | 'logger' | 'background'>;

/** The points of one invite: taken once, however often it is decided, and given back when nothing came of it. */
export class Debit {
  readonly #setting: DebitSetting;
  readonly #request: PolicyRequest;
  #taken: { readonly receipt: unknown } | undefined;

  constructor(setting: DebitSetting, request: PolicyRequest) {
    this.#setting = setting;
    this.#request = request;
  }

  /** As {@link takePoints} from {@link bucketsOf}, the first time that it is called; afterwards nothing. */
  async takeOnce(deadline: Deadline, trace: InviteTrace, isDrop: boolean): Promise<void> {
    const { rateLimit, background } = this.#setting;
    const buckets = bucketsOf(this.#request, isDrop);
    if (this.#taken !== undefined || rateLimit === false || buckets.length === 0) return;
    const receipt = await takePoints(
      (context) => rateLimit.consume(buckets, context),
      deadline,
      trace,
      (leftBehind) => background.add(this.#giveBackOnceTaken(leftBehind)),
    );
    this.#taken = { receipt };
  }

  /** Gives back what was taken. A failure is only logged, since it changes nothing of the answer. */
  giveBack(deadline: Deadline): Promise<void> | undefined {
    if (this.#taken === undefined) return undefined;
    const refunded = this.#refund(this.#taken.receipt);
    this.#taken = undefined;
    this.#setting.background.add(refunded);
    return deadline.race(refunded).catch(() => {});
  }

  /** A limiter that answers after the deadline has debited a request that was turned away already. */
  async #giveBackOnceTaken(leftBehind: Promise<RateLimitDecision>): Promise<void> {
    const decision = await leftBehind.catch(() => undefined);
    if (decision?.allowed) await this.#refund(decision.receipt);
  }

  async #refund(receipt: unknown): Promise<void> {
    const { rateLimit, logger } = this.#setting;
    if (rateLimit === false) return;
    try {
      await rateLimit.refund(receipt, { signal: AbortSignal.timeout(REFUND_TIMEOUT_MS) });
    } catch (err) {
      logger.warn({ err }, 'A rate limit could not be given back');
    }
  }
}
