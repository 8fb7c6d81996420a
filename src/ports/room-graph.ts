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
  /** What the invitee is shown of the room, as full PDUs. */
  readonly inviteState: readonly Pdu[];
};

/**
 * The result of building an invite.
 * - `built`: the invite is signed, and nothing of it is in the room.
 * - `stale`: a key of the basis has changed.
 * - `notFederated`: the events of the room are no PDUs, so that no other server can take part in it.
 */
export type BuildResult =
  | { readonly outcome: 'built'; readonly invite: BuiltInvite }
  | { readonly outcome: 'stale' }
  | { readonly outcome: 'notFederated' };

/**
 * The event graph of a homeserver's rooms, as far as an invite of another server's user needs it. The numbers are
 * promises; `roomGraphContract` in `express-matrix-invite/testing` has cases for each.
 *
 * An invite is built and signed, then sent to the invitee's server, which signs it too, and then appended with both
 * signatures.
 */
export interface RoomGraph<Revision = unknown> {
  /**
   * Builds and signs the PDU of a state event. It puts nothing into the room.
   *
   * 1. `sender`, `type`, `state_key`, `content`, `origin_server_ts` and `room_id` are the event's. There is no `origin`
   *    and, in room version 3 and later, no `event_id` in it.
   * 2. `auth_events` are the current events that
   *    [the specification selects](https://spec.matrix.org/v1.18/server-server-api/#auth-events-selection): the create
   *    event (up to room version 11), the power levels, the sender's member, and for an invite also the target's member and
   *    the join rules, each if there is one. `prev_events` are 1 to 20 events at the end of the room's graph,
   *    and `depth` is the greatest depth of these plus 1, at most 2^53 - 1.
   * 3. The same event (room, type, state key, sender and content) again gives the same PDU, as long as the earlier one
   *    is neither appended nor discarded, its `auth_events` are still current and it is younger than an hour: from every
   *    process, and after a crash. A graph that cannot promise this leaves out `discard` and `unfinished`. Then a retry
   *    is another event, and the invitee's server hears of both.
   * 4. `inviteState` are current events as full PDUs: `m.room.create`, and where the room has them
   *    `m.room.join_rules`, `m.room.canonical_alias`, `m.room.avatar`, `m.room.topic`, `m.room.name`,
   *    `m.room.encryption` and the sender's member.
   * 5. It resolves `stale` when the basis no longer holds, as in `StorageAdapter.appendEvent`, and `notFederated` for a
   *    room whose events are no PDUs.
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
   * Puts a built event into the room. It has the promises 1 to 7 of `StorageAdapter.appendEvent`, and `eventId` is the
   * invite's. Further:
   *
   * 8. By event ID, it is idempotent: a second call resolves `appended` and stores nothing, whatever the state is by
   *    then.
   * 9. The event is stored as it was signed, also when other events have been appended since it was built: the graph
   *    has another end then, until the next event refers to both.
   * 10. In the same transaction, `pdu` is stored where the host's sender finds it for every server with a joined member
   *     and the invitee's: no event is stored that is never sent.
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
   * 1. Returns true if a user of the server is joined to the room, and false otherwise, also for an unknown room.
   *
   * @throws {StorageUnavailableError} (rejects) when the store cannot be reached
   */
  hasJoinedMember(roomId: string, serverName: string, context: CallContext): Promise<boolean>;

  /**
   * Optional. Gives up a built invite.
   *
   * 1. It is no longer in `unfinished`, and the next `build` of the same event builds it anew, as of then.
   * 2. It takes nothing out of the room: an invite that was appended stays. One that is not known is ignored.
   */
  discard?(invite: BuiltInvite, context: CallContext): Promise<void>;

  /**
   * Optional. Returns the invites that were built and neither appended nor discarded, such as after a crash.
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
