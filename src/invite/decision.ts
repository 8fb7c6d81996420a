import type { MatrixError } from '../errors.ts';
import type { RateLimitScope } from '../ports/rate-limit.ts';
import type { StateSnapshot } from '../ports/storage.ts';
import type { StrippedStateEvent } from '../rooms/event.ts';
import type { InviteRefusalReason } from '../rooms/invite-rule.ts';

/**
 * The reason for the decision about an invite. It can reveal more than the endpoint does (that a policy dropped it,
 * which limit was reached), so it is only for the host app.
 * - `nothing`: nothing objects to the invite
 * - `pending`: an invite is already pending
 * - `requester`: the requester may not invite at all
 * - `invitee`: the invitee is unknown, is on another server, or does not accept invites
 * - `size`: the event would be too large
 * - `storage`: the storage adapter refused, with its own `MatrixError`
 * - `federation`: the option `federation` refused, or the invitee's server did
 */
export type InviteExplanation =
  | { readonly by: 'nothing' | 'pending' | 'requester' | 'invitee' | 'size' | 'storage' | 'federation' }
  | {
      readonly by: 'room';
      readonly reason: InviteRefusalReason;
      /** True if the room does not exist. Absent otherwise. */
      readonly isRoomUnknown?: true;
    }
  | { readonly by: 'policy'; readonly policy: string; readonly isDrop: boolean }
  | { readonly by: 'rateLimit'; readonly scope: RateLimitScope; readonly retryAfterMs: number };

/** A decision against an invite: the error of the response, and what decided it. */
export type Refused = {
  readonly kind: 'refused';
  readonly explanation: InviteExplanation;
  readonly error: MatrixError;
};

/** An invite that a policy dropped: the response is a 200, and nothing is stored. */
export type Dropped = { readonly kind: 'drop'; readonly policy: string };

/** An invite whose event is stored. */
export type Invited = { readonly kind: 'invited'; readonly eventId: string | undefined };

/**
 * The decision about an invite. Every step returns one, and none throws it.
 * - `append`: store the event, if the room still matches `basis`
 * - `drop`: respond with a 200 and store nothing, as this policy decided
 * - `alreadyInvited`: respond with a 200; this invite is pending
 * - `refused`: respond with the error
 */
export type Decision =
  | { readonly kind: 'append'; readonly basis: StateSnapshot }
  | Dropped
  | { readonly kind: 'alreadyInvited'; readonly invite: StrippedStateEvent }
  | Refused;

/** Returns true for a refusal. Only an own property counts: a polluted `Object.prototype` decides nothing. */
export function isRefused(value: object): value is Refused {
  return Object.hasOwn(value, 'explanation');
}

export function refused(explanation: InviteExplanation, error: MatrixError): Refused {
  return { kind: 'refused', explanation, error };
}
