import { setImmediate as turn } from 'node:timers/promises';
import type { Requester } from '../ports/auth.ts';
import type { ServiceSetting } from './config.ts';
import type { InviteNotice } from './service-options.ts';

/** Calls `onInvite` off the request's path: in a later turn of the event loop, when the answer is on its way. */
export function tellOnInvite<R extends Requester>(setting: ServiceSetting<R>, invite: InviteNotice<R>): void {
  const { onInvite, logger, background } = setting;
  if (onInvite === undefined) return;
  const told = (async () => {
    await turn();
    await onInvite(invite);
  })();
  background.add(told.catch((err: unknown) => logger.error({ err }, 'onInvite failed')));
}
