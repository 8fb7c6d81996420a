import type { Requester } from '../ports/auth.ts';
import type { Logger } from '../ports/logger.ts';
import type { InviteTrace } from '../ports/outcome.ts';
import { inviteStateKeys } from '../rooms/invite-rule.ts';
import { find } from '../rooms/room-state.ts';
import { thirdPartyKeysOf } from '../rooms/third-party-invite-rule.ts';
import { appendState } from './append-state.ts';
import type { ServiceConfig } from './config.ts';
import { Deadline } from './deadline.ts';
import { decideForAddress, roomUnknown } from './decide.ts';
import type { Refused } from './decision.ts';
import { endRun } from './explain.ts';
import { refusalError, toMatrixError } from './refusals.ts';

/** An invite by address to revoke. */
export type AddressRevocation<R extends Requester = Requester> = {
  readonly requester: R;
  readonly roomId: string;
  /** The state key of the invite's `m.room.third_party_invite`. */
  readonly token: string;
  /** Ends the wait early, as the deadline does. It does not undo an append that has started. */
  readonly signal?: AbortSignal | undefined;
};

/** The result of a revocation that was not refused. */
export type AddressRevocationResult = {
  readonly outcome: 'revoked' | 'alreadyRevoked';
  readonly eventId?: string | undefined;
};

/**
 * Revokes an invite by address: an empty event under its token has no keys, so nothing that was signed is valid.
 *
 * @throws {MatrixError} (rejects) the refusal, or the failure
 */
export async function revokeAddressInvite<R extends Requester>(
  config: ServiceConfig<R>,
  { requester, roomId, token, signal }: AddressRevocation<R>,
  { trace, log }: { readonly trace: InviteTrace; readonly log: Logger },
): Promise<AddressRevocationResult> {
  const deadline = new Deadline(config.deadlineMs, signal);
  let refusal: Refused | undefined;
  try {
    const key = { type: 'm.room.third_party_invite', state_key: token };
    const result = await appendState<R, AddressRevocationResult | Refused>(
      { config, roomId, deadline },
      {
        keys: [...inviteStateKeys(requester.userId, undefined), key],
        decide(snapshot, tried) {
          const decision = decideForAddress({ config, requester, log }, snapshot);
          if (decision.kind === 'refused') return { ended: decision };
          const current = find(snapshot.events, key);
          if (current === undefined) throw refusalError(404, 'M_NOT_FOUND', 'The room has no such invite');
          if (thirdPartyKeysOf(current).length === 0) {
            return { ended: { outcome: tried ? 'revoked' : 'alreadyRevoked', eventId: current.event_id } };
          }
          const event = { ...key, room_id: roomId, sender: requester.userId, content: {} };
          return { event: { ...event, origin_server_ts: Date.now() }, basis: snapshot };
        },
      },
    );
    if (result === undefined) refusal = roomUnknown({ config });
    else if ('refused' in result) refusal = result.refused;
    else if ('appended' in result) return { outcome: 'revoked', eventId: result.appended.eventId };
    else if ('outcome' in result.ended) return result.ended;
    else refusal = result.ended;
  } catch (error) {
    throw toMatrixError(error);
  } finally {
    endRun({ deadline, trace, tries: trace.tries }, refusal);
  }
  throw refusal.error;
}
