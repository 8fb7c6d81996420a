import type { MatrixError } from '../errors.ts';
import type { NewStateEvent, StateKey } from '../rooms/event.ts';
import type { CallContext } from './context.ts';
import type { AppendResult, StateSnapshot } from './storage.ts';

/** The invite that a {@link RemoteInvites} is asked about. */
export type RemoteInvite = {
  readonly roomId: string;
  /** The inviter's user ID. */
  readonly sender: string;
  /** The invitee's user ID. */
  readonly userId: string;
};

/** The invite is refused, and the room certainly does not have it. */
export type RefusedRemotely = {
  readonly outcome: 'refused';
  /** The error of the response. */
  readonly error: MatrixError;
  /** False only if certainly no other server was contacted: the rate limits are refunded only then. */
  readonly wasAsked: boolean;
};

/** What the result of `invite` may also say about the other server, for rate limits, logs and metrics. */
export type RemoteAnswer = {
  /** False only if certainly no other server was contacted in this call. Default true. */
  readonly wasAsked?: boolean | undefined;
  /** The HTTP status of the other server's response. Absent if there was none. */
  readonly remoteStatus?: number | undefined;
};

/**
 * Makes the invites that are not this server's alone to make: those of users of other servers. For hosts that have
 * federation of their own. The numbers are promises; the contract kit in `express-matrix-invite/testing` has cases for
 * each.
 *
 * Two calls are equal if the room, the sender, the state key and the content of their events are. The time of the
 * events may differ.
 */
export interface RemoteInvites<Revision = unknown> {
  /**
   * Milliseconds that all calls of `invite` for one request may take together, 1 to 120000. The service's own
   * `deadlineMs` does not run during these calls.
   */
  readonly timeoutMs: number;

  /**
   * Returns further state keys to read, such as those of `m.room.server_acl`.
   *
   * 1. Like `concerns` and `objectionTo`, it does no I/O and is not `async`.
   */
  stateKeys(invite: RemoteInvite): readonly StateKey[];

  /**
   * Returns whether to make the invite by `invite` instead of the store's `appendEvent`.
   *
   * 2. It is true for every user of another server who may be invited at all: if it is false, such an invite is refused.
   *
   * @param state the state of the room, with the keys from `stateKeys`
   */
  concerns(invite: RemoteInvite, state: StateSnapshot<Revision>): boolean;

  /**
   * Returns the error for an invite that it does not accept, such as that of a user whose server the room denies. It is
   * called after the room's own rules, and before policies and rate limits.
   *
   * 3. The same invite and state have the same answer, unless it depends on whether the other server can be reached.
   *
   * @param state the state of the room, with the keys from `stateKeys`
   */
  objectionTo(invite: RemoteInvite, state: StateSnapshot<Revision>): MatrixError | undefined;

  /**
   * Has the other server accept the invite, and then stores it in the room.
   *
   * 4. It resolves `appended` only when the other server has accepted the event and the room has it, durably: a crash
   *    does not lose it, and `readState` shows it from every process.
   * 5. It stores the event only if the state that it was decided on still holds, as `appendEvent` of `StorageAdapter`
   *    does. Otherwise it resolves `stale`, and the room has nothing. The service then decides again, and calls it with
   *    the new basis.
   * 6. It resolves `refused` when it is certain that the room does not have the event and never will. It has then given
   *    the invite up.
   * 7. `wasAsked` is false only if certainly no other server was contacted.
   * 8. It rejects with a `StorageUnavailableError` when it is unknown whether the room has the event. An equal call is
   *    safe then, and after a crash, and ends in one event.
   * 9. Of racing equal calls, those that resolve `appended` resolve the same `eventId`, and the room has one event.
   * 10. It holds no lock and no transaction of the host's while it waits for the other server.
   *
   * A call whose signal is already aborted asks nobody, stores nothing and rejects.
   *
   * @throws {StorageUnavailableError} (rejects) see 8.
   */
  invite(
    event: NewStateEvent,
    basis: StateSnapshot<Revision>,
    context: CallContext,
  ): Promise<(AppendResult | RefusedRemotely) & RemoteAnswer>;

  /**
   * Gives up an invite that `invite` did not complete: by now, the room or a policy refuses it, or another one is pending.
   *
   * 11. The room never has the event then, unless it has it already, and `unfinished` does not return it.
   * 12. It resolves if there is nothing to give up.
   */
  abandon(event: NewStateEvent, context: CallContext): Promise<void>;

  /**
   * Optional. Returns the invites that `invite` began and did not complete, because the process crashed or the result
   * was unknown, for `resume`.
   *
   * 13. It returns each with the event of the call, the oldest first, also in other processes and after a crash.
   * 14. It leaves out those that were appended, refused or given up. It should leave out those whose call may still be
   *     under way, in any process.
   */
  unfinished?(context: CallContext): AsyncIterable<{ readonly event: NewStateEvent }>;
}
