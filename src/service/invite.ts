import { isMatrixError, MatrixError } from '../errors.ts';
import type { Requester } from '../ports/auth.ts';
import type { PolicyRequest } from '../ports/policy.ts';
import type { RateLimitBucket } from '../ports/rate-limit.ts';
import type { StateSnapshot, StrippedStateEvent } from '../ports/storage.ts';
import type { Profile } from '../ports/user-directory.ts';
import { append, tellOnInvite, waitBeforeTry } from './append.ts';
import type { Deadline } from './deadline.ts';
import { Debit } from './debit.ts';
import { inviteEvent, isSameInvite, profileOf } from './invite-event.ts';
import { judge, keysToRead } from './judge.ts';
import { isOutage, unavailable } from './refusals.ts';
import type { ServiceSetting } from './setting.ts';
import type { InviteTrace } from './trace.ts';

/** How often an invite is decided afresh, when the room changes under it, before the caller is sent away. */
const MAX_TRIES = 10;

/** What became of an invite that was not refused. */
export type InviteResult =
  | { readonly outcome: 'invited'; readonly eventId?: string }
  | { readonly outcome: 'alreadyInvited'; readonly eventId?: string }
  | { readonly outcome: 'dropped' };

/**
 * Decides one invite and appends its event.
 *
 * @throws {MatrixError} the refusal, or the failure
 */
export async function invite<R extends Requester>(
  setting: ServiceSetting<R>,
  request: PolicyRequest<R>,
  deadline: Deadline,
  trace: InviteTrace,
): Promise<InviteResult> {
  const run = new InviteRun(setting, request, deadline, trace);
  try {
    const result = await run.decideUntilDone();
    if (result.outcome === 'alreadyInvited') await run.giveBack();
    return result;
  } catch (error) {
    await run.giveBack();
    if (isMatrixError(error)) throw error;
    if (isOutage(error)) throw unavailable(error);
    throw new MatrixError(500, 'M_UNKNOWN', 'Internal server error', { cause: error });
  }
}

/** What one invite remembers from try to try. */
class InviteRun<R extends Requester> {
  readonly #setting: ServiceSetting<R>;
  readonly #request: PolicyRequest<R>;
  readonly #deadline: Deadline;
  readonly #trace: InviteTrace;
  readonly #debit: Debit | undefined;
  #profile: Profile | undefined;
  /** Whether an append may have stored its event without our knowing. */
  #isUnsure = false;

  constructor(
    setting: ServiceSetting<R>,
    request: PolicyRequest<R>,
    deadline: Deadline,
    trace: InviteTrace,
  ) {
    this.#setting = setting;
    this.#request = request;
    this.#deadline = deadline;
    this.#trace = trace;
    const { rateLimit, logger, background } = setting;
    if (rateLimit !== false && request.requester.isRateLimitExempt !== true) {
      this.#debit = new Debit(rateLimit, logger, background);
    }
  }

  async decideUntilDone(): Promise<InviteResult> {
    const keys = keysToRead(this.#setting, this.#request);
    let cause: unknown;
    while (this.#trace.tries < MAX_TRIES) {
      if (this.#trace.tries > 0) await waitBeforeTry(this.#trace.tries, this.#deadline);
      this.#trace.tries += 1;
      const snapshot = await this.#deadline.call((context) =>
        this.#setting.storage.readState(this.#request.roomId, keys, context),
      );
      const attempt = await this.#attempt(snapshot);
      if (attempt.outcome !== 'again') return attempt;
      cause = attempt.cause;
    }
    throw unavailable(cause);
  }

  /** Gives the rate limits back, where it is certain that no invite came of the request. */
  async giveBack(): Promise<void> {
    if (!this.#isUnsure) await this.#debit?.giveBack(this.#deadline);
  }

  async #attempt(
    snapshot: StateSnapshot | undefined,
  ): Promise<InviteResult | { readonly outcome: 'again'; readonly cause?: unknown }> {
    const { roomId, requester, userId } = this.#request;
    const found = this.#isUnsure ? this.#findOwn(snapshot) : undefined;
    if (found !== undefined) {
      tellOnInvite(this.#setting, { requester, event: this.#event(), eventId: found.event_id });
      return { outcome: 'invited', eventId: found.event_id };
    }
    const judgement = await judge(this.#setting, this.#request, snapshot, this.#deadline, this.#trace);
    if (judgement.verdict === 'alreadyInvited') {
      return { outcome: 'alreadyInvited', eventId: judgement.invite.event_id };
    }
    await this.#debit?.takeOnce(bucketsOf(requester.userId, roomId, userId), this.#deadline, this.#trace);
    if (judgement.verdict === 'drop') return { outcome: 'dropped' };
    this.#profile ??= await profileOf(this.#setting, userId, this.#deadline);
    return this.#append(judgement.basis);
  }
}
