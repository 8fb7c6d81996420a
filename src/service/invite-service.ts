import { checkOptions } from '../options.ts';
import type { Requester } from '../ports/auth.ts';
import type { PolicyRequest } from '../ports/policy.ts';
import { Deadline } from './deadline.ts';
import { type InviteResult, InviteRun } from './invite.ts';
import { unavailable } from './refusals.ts';
import { checkInvite, checkRequester } from './request.ts';
import { type InviteServiceOptions, inviteServiceOptionChecks } from './service-options.ts';
import { type ServiceSetting, settingOf } from './setting.ts';
import type { InviteTrace } from './trace.ts';

/** An invite that is asked for. */
export type InviteRequest<R extends Requester = Requester> = PolicyRequest<R> & {
  /** Ends the wait early, as the deadline does. It does not undo an append that has started. */
  readonly signal?: AbortSignal;
};

/** Invites without HTTP: for createRoom's list of invites, and for bots. */
export interface InviteService<R extends Requester = Requester> {
  /**
   * Invites a user: decides by the room's rules and the host's policies, counts the rate limits (all but
   * `attempt`) and appends the event.
   *
   * @param trace is filled in on the way: for metrics
   * @returns `alreadyInvited` where an invite is pending (no event), `dropped` where a policy said so (no event)
   * @throws {MatrixError} (rejects) the refusal, or the failure with its `cause`
   */
  invite(request: InviteRequest<R>, trace?: InviteTrace): Promise<InviteResult>;

  /**
   * From now on `invite` rejects with a 503. Resolves when what has started is done (appends, `onInvite`), after
   * the deadline at the latest. The host's handles stay open.
   */
  close(): Promise<void>;
}

/**
 * Makes the invite service.
 *
 * @throws {TypeError} for an unknown, missing or ill-typed option
 */
export function createInviteService<R extends Requester = Requester>(
  options: InviteServiceOptions<R>,
): InviteService<R> {
  checkOptions('createInviteService', options, inviteServiceOptionChecks);
  return inviteServiceOf(settingOf(options));
}

/** A service on a setting that others share. */
export function inviteServiceOf<R extends Requester>(setting: ServiceSetting<R>): InviteService<R> {
  let isClosed = false;
  return {
    async invite({ requester, roomId, userId, reason, signal }, trace = { tries: 0 }) {
      if (isClosed) throw unavailable(new Error('The invite service is closed'));
      const request = { requester, roomId, userId, reason };
      checkRequester(requester, setting.serverNames);
      checkInvite(request);
      const deadline = new Deadline(setting.deadlineMs, signal);
      const done = new InviteRun(setting, request, deadline, trace).done();
      setting.background.add(done);
      try {
        return await done;
      } finally {
        deadline.end();
      }
    },

    async close() {
      isClosed = true;
      if ((await setting.background.settled(setting.deadlineMs)) === 'timeOver') {
        setting.logger.warn({}, 'Closed while an append or onInvite was still under way');
      }
    },
  };
}
