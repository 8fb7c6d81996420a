import { raw } from 'express';
import type { BodyReader } from './http/body.ts';
import { inviteByRequest } from './http/invite-request.ts';
import { type MatrixRouter, routerOf } from './http/one-route.ts';
import { checkOptions } from './internal/options.ts';
import { settingOf } from './invite/config.ts';
import type { InviteResult } from './invite/invite.ts';
import { InviteDesk } from './invite/service.ts';
import type { Requester } from './ports/auth.ts';
import {
  answeringOf,
  checkLogins,
  type InviteRouterOptions,
  inviteRouterOptionChecks,
  loginsOf,
} from './router-options.ts';

/** An Express router, typed by Node's own types so that it fits every version of Express. */
export interface InviteRouter extends MatrixRouter {
  /**
   * From now on requests are answered 503. Resolves when what has started is done (appends, `onInvite`), after the
   * deadline at the latest. The host's handles stay open.
   */
  close(): Promise<void>;
}

/**
 * Makes the router of `POST …/rooms/{roomId}/invite`, to be mounted at `/_matrix/client/v3`. Only that path is
 * answered; everything else goes on to the host's other routes.
 *
 * @throws {TypeError} for an unknown, missing or ill-typed option
 * @see [errors, Router and service](../docs/errors.md#router-and-service)
 */
export function createInviteRouter<R extends Requester = Requester>(
  options: InviteRouterOptions<R>,
): InviteRouter {
  checkOptions('createInviteRouter', options, inviteRouterOptionChecks);
  checkLogins('createInviteRouter', options);
  const service = settingOf(options);
  const desk = new InviteDesk(service);
  const bodyLimitBytes = options.bodyLimitBytes ?? 409_600;
  const setting = {
    ...service,
    ...loginsOf(options),
    desk,
    readBody: raw({ type: () => true, limit: bodyLimitBytes }) as unknown as BodyReader,
    bodyLimitBytes,
    bodyTimeoutMs: options.bodyTimeoutMs ?? 10_000,
  };
  const router = routerOf<InviteResult>({
    path: '/rooms/:roomId/invite',
    method: 'post',
    answering: {
      ...answeringOf(options, service.logger),
      what: 'An invite',
      bodyOf: () => ({}),
      logged: ({ outcome }) => ({ outcome }),
      onEnd:
        options.onOutcome &&
        (({ result, error, trace, durationMs }, request) => {
          const { status = 200, errcode } = error ?? {};
          return options.onOutcome?.(
            { ...trace, status, errcode, outcome: result?.outcome, durationMs },
            request,
          );
        }),
    },
    work: (request, response, roomId) => (trace, log) =>
      inviteByRequest(setting, request, response, roomId, trace, log),
  });
  return Object.assign(router, { close: () => desk.close() });
}
