import { isMatrixError, isStorageUnavailable } from '../errors.ts';
import { isFault } from '../internal/fault.ts';
import { noop } from '../internal/unawaited.ts';
import type { Requester } from '../ports/auth.ts';
import type { StateSnapshot } from '../ports/storage.ts';
import type { NewStateEvent, StateKey } from '../rooms/event.ts';
import type { ServiceConfig } from './config.ts';
import type { Deadline } from './deadline.ts';
import { type Refused, refused } from './decision.ts';
import { readState } from './read.ts';
import { MAX_TRIES, triesFailed, waitBeforeRetry } from './tries.ts';

/** A state event that a store has appended. */
export type AppendedState = { readonly event: NewStateEvent; readonly eventId: string | undefined };

type RoomRun<R extends Requester> = {
  readonly config: Pick<ServiceConfig<R>, 'storage' | 'background'>;
  readonly roomId: string;
  readonly deadline: Deadline;
};

/** How to decide about an event, for {@link appendState}. */
export type StateAppend<Ended> = {
  /** The keys to read. The event's own key must be one of them. */
  readonly keys: readonly StateKey[];
  /**
   * Returns the event to append, or how the work ends without one.
   *
   * @param tried the event of an earlier append that may be stored, or undefined
   */
  decide(snapshot: StateSnapshot, tried: NewStateEvent | undefined): Promise<Decided<Ended>> | Decided<Ended>;
  /** Called if the store appends the event after the deadline: the caller got a 503. */
  whenLate?(appended: AppendedState): void;
};

type Decided<Ended> =
  | { readonly event: NewStateEvent; readonly basis: StateSnapshot }
  | { readonly ended: Ended };

/**
 * Decides about a state event on the room's current state, and appends it, over as many tries as it takes. An event of
 * which only the key matters may be tried again after an unknown outcome: both appends rely on the same key.
 *
 * @returns `undefined` if there is no such room
 * @throws {MatrixError} (rejects) 503 when the store fails or the room keeps changing, 500 for the host's mistake
 */
export async function appendState<R extends Requester, Ended>(
  { config, roomId, deadline }: RoomRun<R>,
  { keys, decide, whenLate }: StateAppend<Ended>,
): Promise<
  { readonly ended: Ended } | { readonly appended: AppendedState } | { readonly refused: Refused } | undefined
> {
  let tried: NewStateEvent | undefined;
  let cause: unknown;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    if (tries > 0) await waitBeforeRetry(tries, deadline);
    const read = await readState({ config, request: { roomId }, deadline }, keys);
    if (read.kind === 'refused') return { refused: read };
    if (read.snapshot === undefined) return undefined;
    const decided = await decide(read.snapshot, tried);
    if ('ended' in decided) return decided;
    const { event, basis } = decided;
    try {
      const result = await deadline.call(
        'appendEvent',
        (context) => config.storage.appendEvent(event, basis, context),
        (leftBehind) =>
          config.background.add(
            leftBehind.then((late) => {
              if (late.outcome === 'appended') whenLate?.({ event, eventId: late.eventId });
            }, noop),
          ),
      );
      if (result.outcome === 'appended') return { appended: { event, eventId: result.eventId } };
      if (result.outcome === 'refused') {
        if (!isMatrixError(result.error)) throw result.error;
        return { refused: refused({ by: 'storage' }, result.error) };
      }
    } catch (error) {
      if (!isStorageUnavailable(error) || isFault(error)) throw error;
      if (!error.isNotStored) tried = event;
      cause = error;
    }
  }
  throw triesFailed(cause);
}
