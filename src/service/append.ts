import { isStorageUnavailable } from '../errors.ts';
import type { Requester } from '../ports/auth.ts';
import type { AppendResult, NewStateEvent, StateSnapshot } from '../ports/storage.ts';
import type { Deadline } from './deadline.ts';
import { tellOnInvite } from './on-invite.ts';
import type { ServiceSetting } from './setting.ts';

/** `unknown`: the store could not say whether it stored the event. */
export type AppendOutcome = AppendResult | { readonly outcome: 'unknown'; readonly cause: unknown };

/**
 * Appends the event. An append that answers after the deadline may still have stored it: `onInvite` is told then,
 * although the caller was answered 503.
 *
 * @throws {DeadlineOverError} when the store does not answer in time
 */
export async function append<R extends Requester>(
  setting: ServiceSetting<R>,
  requester: R,
  event: NewStateEvent,
  basis: StateSnapshot,
  deadline: Deadline,
): Promise<AppendOutcome> {
  try {
    return await deadline.call(
      'appendEvent',
      (context) => setting.storage.appendEvent(event, basis, context),
      (leftBehind) => setting.background.add(tellOnceAppended(setting, requester, event, leftBehind)),
    );
  } catch (cause) {
    if (isStorageUnavailable(cause)) return { outcome: 'unknown', cause };
    throw cause;
  }
}

async function tellOnceAppended<R extends Requester>(
  setting: ServiceSetting<R>,
  requester: R,
  event: NewStateEvent,
  leftBehind: Promise<AppendResult>,
): Promise<void> {
  const result = await leftBehind.catch(() => undefined);
  if (result?.outcome === 'appended') tellOnInvite(setting, { requester, event, eventId: result.eventId });
}
