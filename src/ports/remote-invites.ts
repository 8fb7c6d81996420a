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

/** The invite is refused, and the room will certainly never have it. */
export type RefusedRemotely = {
  readonly outcome: 'refused';
  /** The error of the response. */
  readonly error: MatrixError;
  /** False only if certainly no other server was contacted: the rate limits are refunded only then. */
  readonly wasAsked: boolean;
};

/** What a result of `invite` can also say about the other server, for rate limits, logs and metrics. */
export type RemoteAnswer = {
  /** False only if certainly no other server was contacted in this call. Default true. */
  readonly wasAsked?: boolean | undefined;
  /** The HTTP status of the other server's response. Absent if there was none. */
  readonly remoteStatus?: number | undefined;
};

/**
 * Sends invites of users of other servers. For hosts that have their own federation. The numbers are promises; the
 * contract kit in `express-matrix-invite/testing` has cases for each.
 *
 * Two calls are equal if the room, the sender, the state key and the content of their events are equal. The time of the
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
   * Returns true if `invite` handles the invite, instead of the store's `appendEvent`.
   *
   * 2. It returns true for every user of another server who may be invited at all. If it returns false, such an invite is
   *    refused.
   *
   * @param state the state of the room, with the keys from `stateKeys`
   */
  concerns(invite: RemoteInvite, state: StateSnapshot<Revision>): boolean;

  /**
   * Returns the error for an invite that it does not accept, for example of a user whose server the room denies. It is
   * called after the room's own rules, and before policies and rate limits.
   *
   * 3. For the same invite and state, it returns the same result, unless that depends on whether the other server can be
   *    reached.
   *
   * @param state the state of the room, with the keys from `stateKeys`
   */
  objectionTo(invite: RemoteInvite, state: StateSnapshot<Revision>): MatrixError | undefined;

  /**
   * Has the other server accept the invite, and then stores it in the room.
   *
   * 4. It resolves `appended` only when the other server has accepted the event and the room has it, durably: a crash
   *    does not lose it, and `readState` shows it from every process.
   * 5. It stores the event only if the state that the decision was based on still holds, as `appendEvent` of `StorageAdapter`
   *    does. Otherwise it resolves `stale`, and the room does not have the event. The service then decides again, and
   *    calls it with the new basis.
   * 6. It resolves `refused` when it is certain that the room does not have the event and never will. It has then
   *    abandoned the invite.
   * 7. `wasAsked` is false only if certainly no other server was contacted.
   * 8. It rejects with a `StorageUnavailableError` when it is unknown whether the room has the event. An equal call is then
   *    safe, even after a crash, and results in one event. The service makes it at once, so a server that does not respond is no
   *    reason for this error.
   * 9. Of racing equal calls, those that resolve `appended` resolve the same `eventId`, and the room has one event.
   * 10. It holds no lock and no transaction of the host's while it waits for the other server.
   *
   * A call whose signal is already aborted asks nobody, stores nothing and rejects.
   *
   * @throws {StorageUnavailableError} (rejects) see 8.
   * @throws {MatrixError} (rejects) the error of the response, with a status of 500 or above, when the other server may have
   *   accepted the event: for example a 502 when it does not respond. The invite is not abandoned: the next equal call, or
   *   `resume`, continues it. For a refusal, resolve `refused` instead.
   */
  invite(
    event: NewStateEvent,
    basis: StateSnapshot<Revision>,
    context: CallContext,
  ): Promise<(AppendResult | RefusedRemotely) & RemoteAnswer>;

  /**
   * Abandons an invite that `invite` did not complete, because the room or a policy now refuses it, or another one is
   * pending.
   *
   * 11. After that, the room never gets the event, unless it has it already, and `unfinished` does not return it.
   * 12. It resolves if there is nothing to abandon.
   */
  abandon(event: NewStateEvent, context: CallContext): Promise<void>;

  /**
   * Optional. Returns the invites that `invite` started and did not complete, because the process crashed or the result
   * was unknown, for `resume`.
   *
   * 13. It returns each with the event of the call, the oldest first, in every process and after a crash.
   * 14. It leaves out those that were appended, refused or abandoned. It should leave out those whose call may still be
   *     running, in any process.
   */
  unfinished?(context: CallContext): AsyncIterable<{ readonly event: NewStateEvent }>;
}
