import { isMatrixError, isStorageUnavailable } from '../errors.ts';
import type { Requester } from '../ports/auth.ts';
import type { AppendResult, StateSnapshot } from '../ports/storage.ts';
import type { NewStateEvent, StrippedStateEvent } from '../rooms/event.ts';
import { type Refused, refused } from './decision.ts';
import { isSameInvite } from './event.ts';
import type { InvitePoints } from './limits.ts';
import { notifyOnInvite } from './notify.ts';
import type { Run } from './run.ts';

export type Invited = { readonly kind: 'invited'; readonly eventId: string | undefined };

/** The invite must be decided again; `cause` is the failure of the store, if that is why. */
type TryAgain = { readonly kind: 'tryAgain'; readonly cause?: unknown };

/** An event that may have been stored, and the event that it would have replaced. */
type Unknown = { readonly event: NewStateEvent; readonly replaced: StrippedStateEvent | undefined };

/**
 * - `unknown`: the store could not say whether it stored the event.
 * - `failed`: the store failed, and certainly did not store it.
 */
type AppendOutcome = AppendResult | { readonly outcome: 'unknown' | 'failed'; readonly cause: unknown };

/** Appends the event of one invite, over as many tries as it takes. */
export class InviteAppend<R extends Requester> {
  readonly #run: Run<R>;
  readonly #points: InvitePoints<R>;
  /** The append whose outcome is unknown, if any. If there is one, only finding its event settles the invite. */
  #unknown: Unknown | undefined;

  constructor(run: Run<R>, points: InvitePoints<R>) {
    this.#run = run;
    this.#points = points;
  }

  /**
   * Appends the event if the basis still holds.
   *
   * @param replaced the invitee's member event in the basis
   * @throws (rejects) a DeadlineOverError when the store does not respond in time, and what the store throws
   */
  async append(
    event: NewStateEvent,
    basis: StateSnapshot,
    replaced: StrippedStateEvent | undefined,
  ): Promise<Invited | Refused | TryAgain> {
    // If the time is over before the append starts, certainly nothing was stored.
    this.#run.deadline.throwIfOver('getProfile');
    const unknownBefore = this.#unknown;
    this.#unknown = { event, replaced };
    const result = await this.#appendEvent(event, basis, (late) => {
      if (late.outcome !== 'unknown') this.#unknown = unknownBefore;
      return late.outcome === 'appended' ? this.#invited(event, late.eventId) : this.refund();
    });
    if (result.outcome === 'unknown') return { kind: 'tryAgain', cause: result.cause };
    this.#unknown = unknownBefore;
    if (result.outcome === 'appended') return this.#invited(event, result.eventId);
    if (result.outcome === 'refused') {
      // A host may have put anything here: only a MatrixError can be the response.
      if (!isMatrixError(result.error)) throw result.error;
      const { cause, status } = result.error;
      if (cause !== undefined && status < 500)
        this.#run.log.info({ err: cause }, 'The store refused the event');
      return refused({ by: 'storage' }, result.error);
    }
    return { kind: 'tryAgain', cause: result.outcome === 'failed' ? result.cause : undefined };
  }

  /**
   * Looks for the event of an append whose outcome was unknown.
   *
   * @param stored the invitee's current member event, read after that append
   * @returns the invite, if `stored` is its event and not an equal one that it would have replaced
   */
  findStored(stored: StrippedStateEvent | undefined): Invited | undefined {
    if (this.#unknown === undefined || stored === undefined) return undefined;
    const { event, replaced } = this.#unknown;
    const isReplaced = replaced !== undefined && replaced.event_id === stored.event_id;
    return isSameInvite(event, stored) && !isReplaced ? this.#invited(event, stored.event_id) : undefined;
  }

  /** Refunds the points, but only if the request certainly stored no invite. */
  refund(): Promise<void> | undefined {
    return this.#unknown === undefined ? this.#points.refund() : undefined;
  }

  #invited(event: NewStateEvent, eventId: string | undefined): Invited {
    this.#unknown = undefined;
    const { config, log, request } = this.#run;
    notifyOnInvite(config, log, { requester: request.requester, event, eventId });
    return { kind: 'invited', eventId };
  }

  /**
   * @param whenLate called with the outcome of an append that ended after the deadline: it may have stored the event,
   *   although the caller got a 503
   */
  async #appendEvent(
    event: NewStateEvent,
    basis: StateSnapshot,
    whenLate: (late: AppendOutcome) => unknown,
  ): Promise<AppendOutcome> {
    const { config, deadline } = this.#run;
    try {
      return await deadline.call(
        'appendEvent',
        (context) => config.storage.appendEvent(event, basis, context),
        (leftBehind) => config.background.add(leftBehind.catch(failedAppend).then(whenLate)),
      );
    } catch (cause) {
      if (isStorageUnavailable(cause)) return failedAppend(cause);
      throw cause;
    }
  }
}

function failedAppend(cause: unknown): AppendOutcome {
  const isNotStored = isStorageUnavailable(cause) && cause.isNotStored;
  return { outcome: isNotStored ? 'failed' : 'unknown', cause };
}
