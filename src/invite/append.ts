import { isMatrixError, isStorageUnavailable, type MatrixError } from '../errors.ts';
import { isFault } from '../internal/fault.ts';
import type { Requester } from '../ports/auth.ts';
import type { RemoteInvites } from '../ports/remote-invites.ts';
import type { StateSnapshot } from '../ports/storage.ts';
import { isSameJson } from '../rooms/content.ts';
import type { NewStateEvent, StrippedStateEvent } from '../rooms/event.ts';
import { type AppendOutcome, failedAppend } from './append-outcome.ts';
import { type Invited, type Refused, refused } from './decision.ts';
import { isSameInvite } from './event.ts';
import { type Ending, type Failed, failed } from './explain.ts';
import type { InvitePoints } from './limits.ts';
import { notifyOnInvite } from './notify.ts';
import { memberEvent } from './read.ts';
import { internalError, unavailable } from './refusals.ts';
import { RemoteAppend } from './remote-append.ts';
import type { Run } from './run.ts';

/** The invite must be decided again; `cause` is the failure of the store, if that is why. */
export type TryAgain = { readonly kind: 'tryAgain'; readonly cause?: unknown };

/** An event that may have been stored. */
type Unknown = {
  readonly event: NewStateEvent;
  /** The event that it would have replaced. */
  readonly replaced: StrippedStateEvent | undefined;
  /** The failure of the store. */
  readonly cause?: unknown;
  /** An earlier append of the same request whose outcome is unknown too. */
  readonly before: Unknown | undefined;
};

/** Appends the event of one invite, over as many tries as it takes. */
export class InviteAppend<R extends Requester> {
  readonly #run: Run<R>;
  readonly #points: InvitePoints<R>;
  /** The last append whose outcome is unknown, if any. As long as there is one, nothing is refunded. */
  #unknown: Unknown | undefined;
  /** The part that `federation` does, if it makes the invite. */
  #remote: RemoteAppend<R> | undefined;

  constructor(run: Run<R>, points: InvitePoints<R>) {
    this.#run = run;
    this.#points = points;
  }

  /**
   * Appends the event if the basis still holds.
   *
   * @throws (rejects) a DeadlineOverError when the store does not respond in time, and what the store throws
   */
  async append(event: NewStateEvent, basis: StateSnapshot): Promise<Invited | Refused | TryAgain> {
    // If the time is over before the append starts, certainly nothing was stored.
    this.#run.deadline.throwIfOver('getProfile');
    const unknownBefore = this.#unknown;
    const replaced = memberEvent(basis, event.state_key);
    this.#unknown = { event, replaced, before: unknownBefore };
    const whenLate = (late: AppendOutcome) => {
      if (late.outcome !== 'unknown') this.#unknown = unknownBefore;
      return late.outcome === 'appended' ? this.#invited(event, late.eventId) : this.refund();
    };
    const { federation } = this.#run.config;
    const result = await (federation !== undefined && this.#run.isFederated
      ? this.#remoteWith(federation).invite(event, basis, whenLate)
      : this.#appendEvent(event, basis, whenLate));
    if (result.outcome === 'unknown') {
      this.#unknown = { ...this.#unknown, cause: result.cause };
      return { kind: 'tryAgain', cause: result.cause };
    }
    this.#unknown = unknownBefore;
    if (result.outcome === 'appended') return this.#invited(event, result.eventId);
    if (result.outcome === 'refused') {
      // A host may have put anything here: only a MatrixError can be the response.
      if (!isMatrixError(result.error)) throw result.error;
      const { cause, status } = result.error;
      const by = this.#run.isFederated ? 'federation' : 'storage';
      if (cause !== undefined && status < 500)
        this.#run.log.info(
          { err: cause },
          `The ${by === 'storage' ? 'store' : 'federation'} refused the event`,
        );
      return refused({ by }, result.error);
    }
    if (result.outcome !== 'failed') return { kind: 'tryAgain' };
    // A mistake in the host's code: the next try would fail too.
    if (isFault(result.cause)) throw result.cause;
    return { kind: 'tryAgain', cause: result.cause };
  }

  /**
   * Settles an append whose outcome is unknown, by the invitee's current member event:
   *
   * - It is the event of the append: the invite is stored.
   * - It is the event that the append would have replaced: nothing is stored so far. The invite may be decided and
   *   appended again, because only one of the two appends can succeed: both rely on that event.
   * - Anything else: the event may have been stored and replaced. A second append could be a second invite.
   *
   * @param snapshot the room, read after that append
   * @returns the invite, if it is stored; undefined if it may be decided again, as it always may if no outcome is unknown
   * @throws {MatrixError} 503 if it cannot be known whether the event was stored, 500 if that is the host's mistake
   * @throws the failure of the store, if nothing is stored and it was a mistake in the host's code
   */
  settle(snapshot: StateSnapshot | undefined): Invited | undefined {
    if (this.#unknown === undefined) return undefined;
    const { replaced, cause } = this.#unknown;
    const stored = memberEvent(snapshot, this.#run.request.userId);
    const isReplaced = isSameEvent(replaced, stored, snapshot);
    if (isReplaced === true) {
      if (isFault(cause)) throw cause;
      return undefined;
    }
    const event = isReplaced === false && stored !== undefined ? this.#unknownEventIn(stored) : undefined;
    if (event === undefined || stored === undefined) throw this.#neverKnown(cause);
    return this.#invited(event, stored.event_id);
  }

  /**
   * Checks the end of a request: a refusal must not contradict an append that may be stored, or may still be.
   *
   * Only a refusal by the room's rules settles it. The invitee's event was unchanged, so nothing was stored; and since
   * the rules allowed the invite before, its basis has changed, so nothing will be.
   */
  confirm<E extends Ending>(ending: E): E | Failed {
    if (this.#unknown === undefined || ending.kind === 'invited') return ending;
    if (ending.kind === 'failed' && ending.error.status >= 500) return ending;
    if (ending.kind === 'refused' && ending.explanation.by === 'room') {
      this.#unknown = undefined;
      return ending;
    }
    return failed(this.#neverKnown(this.#unknown.cause));
  }

  /**
   * Refunds the points, but only if the request certainly stored no invite, and asked no other server: otherwise, anybody
   * could have this server knock at others for free.
   */
  refund(): Promise<void> | undefined {
    const isFree = this.#unknown === undefined && this.#remote?.wasAsked !== true;
    return isFree ? this.#points.refund() : undefined;
  }

  /**
   * Has `federation` give up what it has begun. After a failure, that is left for {@link InviteService.resume}, because the
   * other server may have accepted the invite, and the client may repeat it.
   */
  abandon(ending: Ending): void {
    const isFailure = ending.kind === 'failed' && ending.error.status >= 500;
    if (!(isFailure && this.#remote?.wasAsked)) this.#remote?.abandon();
  }

  /** Returns the event of an unknown append that equals the stored event, if any. The content can vary between tries. */
  #unknownEventIn(stored: StrippedStateEvent): NewStateEvent | undefined {
    for (let each = this.#unknown; each !== undefined; each = each.before) {
      if (isSameInvite(each.event, stored)) return each.event;
    }
    return undefined;
  }

  #neverKnown(cause: unknown): MatrixError {
    if (isFault(cause)) return internalError(cause);
    return unavailable(new Error('It cannot be known whether the invite was stored', { cause }));
  }

  #invited(event: NewStateEvent, eventId: string | undefined): Invited {
    this.#unknown = undefined;
    const { config, log, request } = this.#run;
    notifyOnInvite(config, log, { requester: request.requester, event, eventId });
    return { kind: 'invited', eventId };
  }

  #remoteWith(federation: RemoteInvites): RemoteAppend<R> {
    this.#remote ??= new RemoteAppend(this.#run, federation);
    return this.#remote;
  }

  /**
   * @param whenLate called with the outcome of an append that ended after the deadline: it may have stored the event,
   *   although the caller got a 503
   */
  #appendEvent(
    event: NewStateEvent,
    basis: StateSnapshot,
    whenLate: (late: AppendOutcome) => unknown,
  ): Promise<AppendOutcome> {
    const { config, deadline } = this.#run;
    // The room may need no other server any more.
    this.#remote?.abandon();
    return deadline
      .call<AppendOutcome>(
        'appendEvent',
        (context) => config.storage.appendEvent(event, basis, context),
        (leftBehind) => config.background.add(leftBehind.catch(failedAppend).then(whenLate)),
      )
      .catch(unavailableAppend);
  }
}

/**
 * Compares two member events of one user, the second of which was read later.
 *
 * @returns undefined if that cannot be told: in a store without event IDs, an event that was replaced may have come
 *   back
 */
function isSameEvent(
  one: StrippedStateEvent | undefined,
  other: StrippedStateEvent | undefined,
  snapshot: StateSnapshot | undefined,
): boolean | undefined {
  if (snapshot === undefined) return undefined;
  if (one === undefined && other === undefined) {
    // State events never disappear, but the rows of a host that has no events can be deleted.
    return snapshot.events.every(({ event_id }) => event_id !== undefined) ? true : undefined;
  }
  if (one === undefined || other === undefined) return false;
  if (one.event_id !== undefined && other.event_id !== undefined) return one.event_id === other.event_id;
  return one.sender === other.sender && isSameJson(one.content, other.content) ? undefined : false;
}

function unavailableAppend(cause: unknown): AppendOutcome {
  if (isStorageUnavailable(cause)) return failedAppend(cause);
  throw cause;
}
