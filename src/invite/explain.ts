import type { MatrixError } from '../errors.ts';
import type { Requester } from '../ports/auth.ts';
import type { PolicyRequest } from '../ports/policy.ts';
import type { RateLimitScope } from '../ports/rate-limit.ts';
import type { InviteRefusalReason } from '../rooms/invite-rule.ts';
import type { ServiceSetting } from './config.ts';
import type { Deadline } from './deadline.ts';
import { type Judgement, judge } from './decide.ts';
import { inviteEvent } from './event.ts';
import { bucketsOf, refuseLimited } from './limits.ts';
import { keysToRead } from './policies.ts';
import { failureOf, unavailable } from './refusals.ts';
import { checkRequester } from './request.ts';
import type { InviteTrace } from './trace.ts';

/**
 * What decided. It may tell more than the endpoint does (that a policy drops, which limit it is): it is for the host.
 * - `nothing`: nothing stands against the invite
 * - `pending`: there is an invite already
 * - `requester`: who asks may not invite at all
 * - `invitee`: unknown, of another server, or takes no invites
 * - `size`: the event would be too large
 */
export type InviteExplanation =
  | { readonly by: 'nothing' | 'pending' | 'requester' | 'invitee' | 'size' }
  | { readonly by: 'room'; readonly reason: InviteRefusalReason }
  | { readonly by: 'policy'; readonly policy: string; readonly isDrop: boolean }
  | { readonly by: 'rateLimit'; readonly scope: RateLimitScope; readonly retryAfterMs: number };

/** What the endpoint would answer, were the invite asked for at this moment. */
export type InviteForecast = {
  /** Whether it would be a 200. */
  readonly allowed: boolean;
  /** The refusal that it would be; undefined with a 200. */
  readonly error?: MatrixError;
  readonly explanation: InviteExplanation;
};

/**
 * Decides an invite as the endpoint would, and leaves everything as it is.
 *
 * @throws {MatrixError} 500 or 503, when it cannot be told
 */
export async function forecast<R extends Requester>(
  setting: ServiceSetting<R>,
  request: PolicyRequest<R>,
  deadline: Deadline,
  trace: InviteTrace,
): Promise<InviteForecast> {
  try {
    checkRequester(request.requester, setting.serverNames);
  } catch (error) {
    return refusal(error, () => ({ by: 'requester' }));
  }
  try {
    const keys = keysToRead(setting, request, trace);
    const snapshot = await deadline.call('readState', (context) =>
      setting.storage.readState(request.roomId, keys, context),
    );
    const judgement = await judge(setting, request, snapshot, deadline, trace, false);
    if (judgement.verdict !== 'alreadyInvited') {
      inviteEvent(request, {});
      await peek(setting, request, judgement.verdict === 'drop', deadline, trace);
    }
    return { allowed: true, explanation: explanationOf(judgement, trace) };
  } catch (error) {
    return refusal(error, (cause) => explanationOfRefusal(cause, trace));
  }
}

/** A limit that cannot be peeked at is left out: asking it would take a point. */
async function peek<R extends Requester>(
  { rateLimit }: ServiceSetting<R>,
  request: PolicyRequest<R>,
  isDrop: boolean,
  deadline: Deadline,
  trace: InviteTrace,
): Promise<void> {
  const buckets = bucketsOf(request, isDrop);
  if (rateLimit === false || rateLimit.peek === undefined || buckets.length === 0) return;
  const decision = await deadline
    .call('peek', async (context) => rateLimit.peek?.(buckets, context))
    .catch((cause: unknown) => {
      throw unavailable(cause);
    });
  if (decision !== undefined) refuseLimited(decision, trace);
}

function explanationOf({ verdict }: Judgement, { policy = '' }: InviteTrace): InviteExplanation {
  if (verdict === 'drop') return { by: 'policy', policy, isDrop: true };
  return { by: verdict === 'alreadyInvited' ? 'pending' : 'nothing' };
}

function explanationOfRefusal(error: MatrixError, trace: InviteTrace): InviteExplanation {
  const { reason, policy, scope } = trace;
  if (scope !== undefined) return { by: 'rateLimit', scope, retryAfterMs: error.retryAfterMs ?? 0 };
  if (policy !== undefined) return { by: 'policy', policy, isDrop: false };
  if (reason !== undefined) return { by: 'room', reason };
  return { by: error.status === 413 ? 'size' : 'invitee' };
}

/** @throws {MatrixError} what is no refusal */
function refusal(thrown: unknown, explain: (error: MatrixError) => InviteExplanation): InviteForecast {
  const error = failureOf(thrown);
  if (error.status >= 500) throw error;
  return { allowed: false, error, explanation: explain(error) };
}
