import type { IncomingMessage } from 'node:http';
import { type CheckAnswer, checkByRequest } from './http/check-request.ts';
import { routerOf } from './http/one-route.ts';
import { checkOptions, functionOption, type OptionChecks } from './internal/options.ts';
import { settingOf } from './invite/config.ts';
import { InviteDesk } from './invite/service.ts';
import type { Requester } from './ports/auth.ts';
import type { InviteRouter } from './router.ts';
import {
  answeringOf,
  checkLogins,
  type InviteRouterOptions,
  inviteRouterOptionChecks,
  loginsOf,
} from './router-options.ts';

/**
 * The options of `createInviteCheckRouter`: those of `createInviteRouter`, so that both routers can be made of the same
 * object, and `explainTo`. What has no meaning for a dry run is not used (`onInvite`, `onOutcome`, `beforeAppend` and the
 * body's limits).
 */
export type InviteCheckRouterOptions<R extends Requester = Requester> = InviteRouterOptions<R> & {
  /**
   * Who is told what decided (`explanation`), as well as the answer: it tells more than the invite endpoint does, so it
   * is for the host's own admins. Only exactly `true` counts. Default: nobody.
   */
  readonly explainTo?: (requester: R, request: IncomingMessage) => boolean | Promise<boolean>;
};

const optionChecks: OptionChecks<InviteCheckRouterOptions> = {
  ...inviteRouterOptionChecks,
  explainTo: functionOption,
};

/**
 * Makes the router of a dry run, `GET …/rooms/{roomId}/invite/check?invitee=…`, to be mounted at a path of the host's
 * own. It answers 200 `{ "allowed": true }`, or `{ "allowed": false, "status", "errcode", "error" }` with what the invite
 * endpoint would answer. Nothing is appended, and of the rate limits only `attempt` counts it.
 *
 * ```ts
 * app.use('/_matrix/client/unstable/org.example', createInviteCheckRouter(options));
 * ```
 *
 * @throws {TypeError} for an unknown, missing or ill-typed option
 * @see [errors, Router and service](../docs/errors.md#router-and-service)
 */
export function createInviteCheckRouter<R extends Requester = Requester>(
  options: InviteCheckRouterOptions<R>,
): InviteRouter {
  checkOptions('createInviteCheckRouter', options, optionChecks);
  checkLogins('createInviteCheckRouter', options);
  const service = settingOf(options);
  const desk = new InviteDesk(service);
  const setting = { ...service, ...loginsOf(options), desk, explainTo: options.explainTo };
  const router = routerOf<CheckAnswer>({
    path: '/rooms/:roomId/invite/check',
    method: 'get',
    answering: {
      ...answeringOf(options, service.logger),
      what: 'An invite check',
      bodyOf: (answer) => answer,
      logged: ({ allowed }) => ({ allowed }),
    },
    work: (request, _response, roomId) => (trace, log) =>
      checkByRequest(setting, request, roomId, trace, log),
  });
  return Object.assign(router, { close: () => desk.close() });
}
