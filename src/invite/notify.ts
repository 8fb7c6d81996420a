import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Requester } from '../ports/auth.ts';
import type { InviteNotice } from './config.ts';
import type { Run } from './run.ts';

/** Calls `onInvite` off the request path: in a later turn of the event loop, once the response is on its way. */
export function notifyOnInvite<R extends Requester>(
  { config: { onInvite, background }, log }: Run<R>,
  invite: InviteNotice<R>,
): void {
  if (onInvite === undefined) return;
  const notified = (async () => {
    await nextTurn();
    await onInvite(invite);
  })();
  background.add(notified.catch((err: unknown) => log.error({ err }, 'onInvite failed')));
}
