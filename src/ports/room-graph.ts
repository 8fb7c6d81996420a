import type { Pdu } from '../pdu/pdu.ts';
import type { NewStateEvent } from '../rooms/event.ts';
import type { CallContext } from './context.ts';
import type { AppendResult, StateSnapshot } from './storage.ts';

/** An invite that was built and signed, and is not in the room yet. */
export type BuiltInvite = {
  /** In room versions 3 and later, the reference hash of the PDU. */
  readonly eventId: string;
  /** As in the room's create event. */
  readonly roomVersion: string;
  /** The PDU with this server's signature. */
  readonly pdu: Pdu;
  /** The state of the room that the invitee is shown, as full PDUs. */
  readonly inviteState: readonly Pdu[];
};

/**
 * The result of building an invite.
 * - `built`: the invite is signed, and nothing of it is in the room.
 * - `stale`: a key of the basis has changed.
 * - `notFederated`: the events of the room are not PDUs, so no other server can take part in it.
 */
export type BuildResult =
  | { readonly outcome: 'built'; readonly invite: BuiltInvite }
  | { readonly outcome: 'stale' }
  | { readonly outcome: 'notFederated' };

/**
 * The part of a homeserver's event graph that invites of other servers' users need. The numbers are
 * promises; `roomGraphContract` in `express-matrix-invite/testing` has cases for each.
 *
 * An invite is built and signed, then sent to the invitee's server, which signs it too, and finally appended with both
 * signatures.
 */
export interface RoomGraph<Revision = unknown> {
  /**
   * Builds and signs the PDU of a state event, without adding it to the room.
   *
   * 1. `sender`, `type`, `state_key`, `content`, `origin_server_ts` and `room_id` are the event's. The PDU has no
   *    `origin` and, in room version 3 and later, no `event_id`.
   * 2. `auth_events` are the current events that
   *    [the specification selects](https://spec.matrix.org/v1.18/server-server-api/#auth-events-selection): the create
   *    event (up to room version 11), the power levels, the sender's member, and for an invite also the target's member and
   *    the join rules, if the room has them. `prev_events` are 1 to 20 events at the end of the room's graph,
   *    and `depth` is their greatest depth plus 1, at most 2^53 - 1.
   * 3. For the same event (room, type, state key, sender and content), it returns the same PDU as before, as long as the
   *    earlier one is neither appended nor discarded, its `auth_events` are still current and it is younger than an hour:
   *    in every process, and after a crash. A graph that cannot promise this leaves out `discard` and `unfinished`. Then
   *    a retry is another event, and the invitee's server gets both.
   * 4. `inviteState` are current events as full PDUs: `m.room.create`, and where the room has them
   *    `m.room.join_rules`, `m.room.canonical_alias`, `m.room.avatar`, `m.room.topic`, `m.room.name`,
   *    `m.room.encryption` and the sender's member.
   * 5. It resolves `stale` when the basis no longer holds, as in `StorageAdapter.appendEvent`, and `notFederated` for a
   *    room whose events are not PDUs.
   * 6. The content hash and this server's signature are valid, and `eventId` is the PDU's ID in `roomVersion`, the
   *    version of the room.
   * 7. Neither the room's state nor its log changes.
   *
   * A call whose signal is already aborted writes nothing and rejects.
   *
   * @throws {MatrixError} (rejects) when the event cannot be a PDU, such as one above 65,536 bytes
   * @throws {StorageUnavailableError} (rejects) when the store cannot be reached
   */
  build(event: NewStateEvent, basis: StateSnapshot<Revision>, context: CallContext): Promise<BuildResult>;

  /**
   * Adds a built event to the room. It keeps the promises 1 to 7 of `StorageAdapter.appendEvent`, and `eventId` is the
   * invite's. In addition:
   *
   * 8. It is idempotent by event ID: a second call resolves `appended` and stores nothing, whatever the current state is.
   * 9. The event is stored as it was signed, even if other events have been appended since it was built. The graph then
   *    has another end, until the next event refers to both.
   * 10. In the same transaction, `pdu` is stored where the host's code that sends events finds it, for every server with a
   *     joined member and for the invitee's. So every stored event is also sent.
   *
   * @param pdu the PDU of the invite, with the signatures of other servers added
   * @throws {StorageUnavailableError} (rejects) when the store cannot be reached, or cannot say whether it stored the
   *   event. Then the same call again is safe.
   */
  append(
    invite: BuiltInvite,
    pdu: Pdu,
    basis: StateSnapshot<Revision>,
    context: CallContext,
  ): Promise<AppendResult>;

  /**
   * 1. Returns true if a user of the server is joined to the room. Returns false otherwise, including for an unknown room.
   *
   * @throws {StorageUnavailableError} (rejects) when the store cannot be reached
   */
  hasJoinedMember(roomId: string, serverName: string, context: CallContext): Promise<boolean>;

  /**
   * Optional. Discards a built invite.
   *
   * 1. The invite is no longer in `unfinished`, and the next `build` of the same event builds a new PDU.
   * 2. It removes nothing from the room: an invite that was appended stays. An unknown invite is ignored.
   */
  discard?(invite: BuiltInvite, context: CallContext): Promise<void>;

  /**
   * Optional. Returns the invites that were built and neither appended nor discarded, for example because of a crash.
   *
   * 1. It returns those that were built `olderThanMs` ago or earlier, the oldest first, at most `limit` of them.
   * 2. It returns them in every process, and after a crash.
   *
   * @param options.olderThanMs milliseconds since the invite was built
   * @param options.limit the maximum number of invites
   * @throws {StorageUnavailableError} (rejects) when the store cannot be reached
   */
  unfinished?(
    options: { readonly olderThanMs: number; readonly limit: number },
    context: CallContext,
  ): Promise<readonly BuiltInvite[]>;
}
