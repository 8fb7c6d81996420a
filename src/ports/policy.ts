import type { JsonObject, StateKey } from '../rooms/event.ts';
import type { Requester } from './auth.ts';
import type { CallContext } from './context.ts';
import type { StateSnapshot } from './storage.ts';

/** An invite that the room's own rules allow, for a policy to judge. */
export type PolicyRequest<R extends Requester = Requester> = {
  readonly requester: R;
  readonly roomId: string;
  /** The invitee's user id. */
  readonly userId: string;
  readonly reason?: string;
};

/** A refusal: what the caller is answered. */
export type PolicyRefusal = {
  /** HTTP status, 400 to 599. Default 403. */
  readonly status?: number;
  /** Default `M_FORBIDDEN`. */
  readonly errcode?: string;
  /** The answer's `error`: a text for the caller. */
  readonly message: string;
  /** Further fields of the answer. */
  readonly fields?: JsonObject;
};

/**
 * `undefined`: no objection. A refusal: the caller is answered so. `'drop'`: the caller sees a 200, and nothing
 * happens; what the rate limits took stays taken.
 */
export type PolicyDecision = undefined | PolicyRefusal | 'drop';

/**
 * A rule of the host's own. Policies run after the room's rules, in order, and the first answer wins. One that
 * throws or is late refuses, and is logged. They must be safe to repeat: when the room changes while an invite
 * is on its way, everything is decided afresh.
 */
export interface InvitePolicy<R extends Requester = Requester> {
  /** For logs and metrics. */
  readonly name: string;
  /** State that `decide` wants to see, read in the same round trip as the rest. Default none. */
  readonly stateKeys?: readonly StateKey[] | ((request: PolicyRequest<R>) => readonly StateKey[]);
  /** Judges one invite. `state` has the state that the room's rules read, and what `stateKeys` names. */
  decide(
    request: PolicyRequest<R> & { readonly state: StateSnapshot },
    context: CallContext,
  ): PolicyDecision | Promise<PolicyDecision>;
}
