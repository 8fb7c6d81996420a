import { setTimeout as delay } from 'node:timers/promises';
import { isStorageUnavailable } from '../errors.ts';
import type { Requester } from '../ports/auth.ts';
import type { AppendResult, NewStateEvent, StateSnapshot } from '../ports/storage.ts';
import type { Deadline } from './deadline.ts';
import type { InviteNotice } from './service-options.ts';
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
    return await deadline.call((context) => {
      const started = setting.storage.appendEvent(event, basis, context);
      setting.background.add(tellIfLate(setting, requester, event, started, deadline));
      return started;
    });
  } catch (cause) {
    if (isStorageUnavailable(cause)) return { outcome: 'unknown', cause };
    throw cause;
  }
}

async function tellIfLate<R extends Requester>(
  setting: ServiceSetting<R>,
  requester: R,
  event: NewStateEvent,
  started: Promise<AppendResult>,
  deadline: Deadline,
): Promise<void> {
  const result = await started.catch(() => undefined);
  if (result?.outcome === 'appended' && deadline.isOver) {
    tellOnInvite(setting, { requester, event, eventId: result.eventId });
  }
}

/** Calls `onInvite` off the request's path. */
export function tellOnInvite<R extends Requester>(setting: ServiceSetting<R>, invite: InviteNotice<R>): void {
  const { onInvite, logger, background } = setting;
  if (onInvite === undefined) return;
  const told = (async () => {
    await Promise.resolve();
    await onInvite(invite);
  })();
  background.add(told.catch((err: unknown) => logger.error({ err }, 'onInvite failed')));
}

/** Waits a random while before the next try, longer with each one, so that racing requests draw apart. */
export async function waitBeforeTry(tries: number, deadline: Deadline): Promise<void> {
  const longestMs = Math.min(100, 2 ** tries);
  await deadline.race(delay(Math.random() * longestMs));
}
