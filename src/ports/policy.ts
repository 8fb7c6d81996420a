import type { JsonObject, StateKey } from '../rooms/event.ts';
import type { Requester } from './auth.ts';
import type { CallContext } from './context.ts';
import type { StateSnapshot } from './storage.ts';

/** An invite that the room's own rules allow, for a policy to judge. */
export type PolicyRequest<R extends Requester = Requester> = {
  readonly requester: R;
  readonly roomId: string;
  /** The invitee's user ID. */
  readonly userId: string;
  readonly reason?: string;
};

/** An invite of the owner of an address who has no account here, for a policy to judge. */
export type AddressPolicyRequest<R extends Requester = Requester> = {
  readonly requester: R;
  readonly roomId: string;
  /** `email` or `msisdn`. */
  readonly medium: string;
  /** The address in its canonical form. It must not reach a log. */
  readonly address: string;
};

/** A refusal: the error of the response. */
export type PolicyRefusal = {
  /** HTTP status, 400 to 599. Default 403. */
  readonly status?: number | undefined;
  /** Default `M_FORBIDDEN`. */
  readonly errcode?: string | undefined;
  /** The `error` of the response: a message for the caller. */
  readonly message: string;
  /** Further fields of the response. */
  readonly fields?: JsonObject | undefined;
};

/**
 * `undefined`: no objection. A refusal: the response has that error. `'drop'`: the caller sees a 200, and nothing
 * happens; consumed rate limits are not refunded.
 */
export type PolicyDecision = undefined | PolicyRefusal | 'drop';

/**
 * A rule of the host app. Policies run after the room's rules, in order, and the first decision wins. A policy that
 * throws or is late refuses, and is logged. Policies must be safe to repeat: if the room changes while an invite is
 * processed, everything is decided again.
 */
export interface InvitePolicy<R extends Requester = Requester> {
  /** For logs and metrics. */
  readonly name: string;
  /** State that `decide` needs, read in the same round trip as the rest. A function must not be `async`. Default none. */
  readonly stateKeys?: readonly StateKey[] | ((request: PolicyRequest<R>) => readonly StateKey[]) | undefined;
  /**
   * Judges one invite. `state` contains the state that the room's rules use, and the state that `stateKeys` asks for.
   */
  decide(
    request: PolicyRequest<R> & { readonly state: StateSnapshot },
    context: CallContext,
  ): PolicyDecision | Promise<PolicyDecision>;

  /**
   * Judges one invite by address. Required if invites by address are on, unless `policiesApplyToAddresses` is false, so
   * that no rule is bypassed silently. `state` contains the state that `stateKeys` asks for only if that is a list.
   */
  decideByAddress?(
    request: AddressPolicyRequest<R> & { readonly state: StateSnapshot },
    context: CallContext,
  ): PolicyDecision | Promise<PolicyDecision>;
}
