import type { MatrixError } from '../errors.ts';
import type { InviteTrace } from '../ports/outcome.ts';
import type { Deadline } from './deadline.ts';
import type { Decision, Invited, InviteExplanation } from './decision.ts';
import { toMatrixError } from './refusals.ts';
import type { RemoteTrace, Run } from './run.ts';

/** The result of an invite that was not refused. */
export type InviteResult =
  | { readonly outcome: 'invited'; readonly eventId?: string | undefined }
  | { readonly outcome: 'alreadyInvited'; readonly eventId?: string | undefined }
  | { readonly outcome: 'dropped' };

/** The response that the endpoint would send to this invite now. */
export type InviteForecast = {
  /** True if it would be a 200. */
  readonly allowed: boolean;
  /** The error of the response; undefined with a 200. */
  readonly error?: MatrixError;
  readonly explanation: InviteExplanation;
  /** Present if another server would be asked, which may refuse the invite: a dry run asks none. */
  readonly remote?: 'notAsked';
};

/** The part of a run that {@link endRun} needs. Authentication has only this part. */
type RunEnd = {
  readonly deadline: Deadline;
  readonly trace: InviteTrace;
  readonly tries: number;
  readonly droppedBy?: string | undefined;
  readonly remote?: RemoteTrace;
};

/** The end of a run: its decision, the invite that it appended, or a failure. */
export type Ending = Decision | Invited | Failed;

export type Failed = { readonly kind: 'failed'; readonly error: MatrixError };

/** Returns the ending of a run whose steps threw. */
export function failed(thrown: unknown): Failed {
  return { kind: 'failed', error: toMatrixError(thrown) };
}

/** Ends a run, and fills in its trace, for logs and metrics. The trace is written only here. */
export function endRun(
  { deadline, trace, tries, droppedBy, remote }: RunEnd,
  ending: Ending | undefined,
): void {
  deadline.end();
  trace.tries = tries;
  if (remote?.wasAsked) {
    if (remote.server !== undefined) trace.remoteServer = remote.server;
    if (remote.status !== undefined) trace.remoteStatus = remote.status;
  }
  if (deadline.failedCall !== undefined) trace.failedCall ??= deadline.failedCall;
  if (droppedBy !== undefined) trace.policy = droppedBy;
  if (ending?.kind !== 'refused') return;
  const { explanation } = ending;
  if (explanation.by === 'room') {
    trace.reason = explanation.reason;
    if (explanation.isRoomUnknown) trace.isRoomUnknown = true;
  }
  if (explanation.by === 'storage') trace.isStorageRefusal = true;
  if (explanation.by === 'policy') trace.policy = explanation.policy;
  if (explanation.by === 'rateLimit') {
    trace.scope = explanation.scope;
    trace.retryAfterMs = explanation.retryAfterMs;
  }
}

/**
 * Returns the result of an invite. The steps return refusals, and only this function throws them.
 *
 * @throws {MatrixError} the refusal, or the failure
 */
export function resultOf(ending: Exclude<Ending, { kind: 'append' }>): InviteResult {
  switch (ending.kind) {
    case 'invited':
      return { outcome: 'invited', eventId: ending.eventId };
    case 'alreadyInvited':
      return { outcome: 'alreadyInvited', eventId: ending.invite.event_id };
    case 'drop':
      return { outcome: 'dropped' };
    default:
      throw ending.error;
  }
}

/**
 * Returns the result of a dry run.
 *
 * @throws {MatrixError} 500 or 503 when it could not be decided
 */
export function forecastOf(
  { isFederated }: Pick<Run, 'isFederated'>,
  ending: Exclude<Ending, Invited>,
): InviteForecast {
  switch (ending.kind) {
    case 'append':
      return {
        allowed: true,
        explanation: { by: 'nothing' },
        ...(isFederated === true ? { remote: 'notAsked' } : {}),
      };
    case 'alreadyInvited':
      return { allowed: true, explanation: { by: 'pending' } };
    case 'drop':
      return { allowed: true, explanation: { by: 'policy', policy: ending.policy, isDrop: true } };
    case 'refused': {
      const { error, explanation } = ending;
      if (error.status >= 500) throw error;
      return { allowed: false, error, explanation };
    }
    case 'failed':
      throw ending.error;
  }
}
