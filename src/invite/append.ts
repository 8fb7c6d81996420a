import { isStorageUnavailable } from '../errors.ts';
import type { Requester } from '../ports/auth.ts';
import type { AppendResult, StateSnapshot } from '../ports/storage.ts';
import type { NewStateEvent } from '../rooms/event.ts';
import type { ServiceSetting } from './config.ts';
import type { Deadline } from './deadline.ts';

/**
 * - `unknown`: the store could not say whether it stored the event.
 * - `failed`: the store failed, and certainly has not stored it.
 */
export type AppendOutcome =
  | AppendResult
  | { readonly outcome: 'unknown'; readonly cause: unknown }
  | { readonly outcome: 'failed'; readonly cause: unknown };

/**
 * Appends the event.
 *
 * @param whenLate gets what became of an append that answered after the deadline: it may have stored the event,
 *   although the caller was answered 503
 * @throws {DeadlineOverError} when the store does not answer in time
 */
export async function append<R extends Requester>(
  { storage, background }: ServiceSetting<R>,
  event: NewStateEvent,
  basis: StateSnapshot,
  deadline: Deadline,
  whenLate: (late: AppendOutcome) => unknown,
): Promise<AppendOutcome> {
  try {
    return await deadline.call(
      'appendEvent',
      (context) => storage.appendEvent(event, basis, context),
      (leftBehind) => background.add(leftBehind.catch(failureOf).then(whenLate)),
    );
  } catch (cause) {
    if (isStorageUnavailable(cause)) return failureOf(cause);
    throw cause;
  }
}

function failureOf(cause: unknown): AppendOutcome {
  const isNotStored = isStorageUnavailable(cause) && cause.isNotStored;
  return { outcome: isNotStored ? 'failed' : 'unknown', cause };
}
