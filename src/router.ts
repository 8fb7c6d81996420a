import { inviteByRequest } from './http/invite-request.ts';
import { createRoute, type MatrixRouter } from './http/route.ts';
import { checkOptions } from './internal/options.ts';
import type { AddressInviteResult } from './invite/address-request.ts';
import { serviceConfig } from './invite/config.ts';
import { type ResumeResult, resumeOf } from './invite/resume.ts';
import { closeService } from './invite/service.ts';
import type { Requester } from './ports/auth.ts';
import {
  bodyTimeoutOf,
  checkLogins,
  type InviteRouterOptions,
  inviteRouterOptionChecks,
  loginsOf,
  responseOptionsOf,
} from './router-options.ts';

/** An Express router, in Node's own types so that it works with every version of Express. */
export interface InviteRouter extends MatrixRouter {
  /**
   * Makes the router respond with a 503 from now on. Resolves when the running work is done (appends, `onInvite`),
   * or after the deadline at the latest. The host's handles stay open.
   */
  close(): Promise<void>;
}

/** The router of `createInviteRouter`. */
export interface ResumableInviteRouter extends InviteRouter {
  /**
   * Completes the invites of users of other servers that a crash has interrupted, or gives them up if the room's rules
   * refuse them by now. Call it when the process starts, and then about once a minute, in every process. Without
   * `unfinished` of the option `federation`, it does nothing. Never rejects: failures are logged, and the next call tries
   * again.
   */
  resume(): Promise<ResumeResult>;
}

/**
 * Creates the router for `POST …/rooms/{roomId}/invite`. Mount it at `/_matrix/client/v3`. It responds only to that
 * path; everything else is passed on to the host's other routes.
 *
 * @throws {TypeError} for an unknown or missing option, or one of the wrong type
 * @see [errors, Router and service](../docs/errors.md#router-and-service)
 */
export function createInviteRouter<R extends Requester = Requester>(
  options: InviteRouterOptions<R>,
): ResumableInviteRouter {
  const checked = checkOptions<InviteRouterOptions<R>>(
    'createInviteRouter',
    options,
    inviteRouterOptionChecks,
  );
  checkLogins('createInviteRouter', checked);
  const { bodyLimitBytes: limitBytes = 409_600 } = checked;
  const config = {
    ...serviceConfig(checked),
    ...loginsOf(checked),
    body: { limitBytes, timeoutMs: bodyTimeoutOf(checked) },
  };
  const router = createRoute<AddressInviteResult>({
    path: '/rooms/:roomId/invite',
    methods: ['POST'],
    responseOptions: {
      ...responseOptionsOf(checked, config.logger),
      what: 'an invite',
      bodyOf: () => ({}),
      detailsOf: ({ outcome }) => ({ outcome }),
      onEnd:
        checked.onOutcome &&
        (({ request, trace }, { result, error, durationMs }) => {
          const { status = 200, errcode } = error ?? {};
          return checked.onOutcome?.(
            { ...trace, status, errcode, outcome: result?.outcome, durationMs },
            request,
          );
        }),
    },
    work: (exchange, roomId) => inviteByRequest(config, exchange, roomId),
  });
  return Object.assign(router, { close: () => closeService(config), resume: resumeOf(config) });
}
