import type { IncomingMessage } from 'node:http';
import { type CheckBody, checkByRequest } from './http/check-request.ts';
import { createRoute } from './http/route.ts';
import { checkOptions, functionOption, type OptionChecks } from './internal/options.ts';
import { serviceConfig } from './invite/config.ts';
import { closeService } from './invite/service.ts';
import type { Requester } from './ports/auth.ts';
import type { InviteRouter } from './router.ts';
import {
  checkLogins,
  type InviteRouterOptions,
  inviteRouterOptionChecks,
  loginsOf,
  responseOptionsOf,
} from './router-options.ts';

/**
 * Options for `createInviteCheckRouter`: `explainTo`, and those of `createInviteRouter`, so that both routers accept
 * the same object. Options that have no meaning for a dry run are ignored (`onInvite`, `onOutcome`, `beforeAppend` and
 * the body limits).
 */
export type InviteCheckRouterOptions<R extends Requester = Requester> = InviteRouterOptions<R> & {
  /**
   * Returns true if the requester may also see what decided the invite (`explanation`). That reveals more than the
   * invite endpoint does, so allow it only for the host's own admins. Only `true` itself counts. Default: nobody.
   */
  readonly explainTo?: ((requester: R, request: IncomingMessage) => boolean | Promise<boolean>) | undefined;
};

const optionChecks: OptionChecks<InviteCheckRouterOptions> = {
  ...inviteRouterOptionChecks,
  explainTo: functionOption,
};

/**
 * Creates the router for a dry run, `GET …/rooms/{roomId}/invite/check?invitee=…`. Mount it at any path. It responds
 * with a 200 and `{ "allowed": true }`, or `{ "allowed": false, "status", "errcode", "error" }` with the values that
 * the invite endpoint would return. It appends nothing, and consumes only the `attempt` limit.
 *
 * ```ts
 * app.use('/_matrix/client/unstable/org.example', createInviteCheckRouter(options));
 * ```
 *
 * @throws {TypeError} for an unknown or missing option, or one of the wrong type
 * @see [errors, Router and service](../docs/errors.md#router-and-service)
 */
export function createInviteCheckRouter<R extends Requester = Requester>(
  options: InviteCheckRouterOptions<R>,
): InviteRouter {
  const checked = checkOptions<InviteCheckRouterOptions<R>>('createInviteCheckRouter', options, optionChecks);
  checkLogins('createInviteCheckRouter', checked);
  const config = { ...serviceConfig(checked), ...loginsOf(checked), explainTo: checked.explainTo };
  const router = createRoute<CheckBody>({
    path: '/rooms/:roomId/invite/check',
    methods: ['GET'],
    responseOptions: {
      ...responseOptionsOf(checked, config.logger),
      what: 'an invite check',
      bodyOf: (body) => body,
      detailsOf: ({ allowed }) => ({ allowed }),
    },
    work: (exchange, roomId) => checkByRequest(config, exchange, roomId),
  });
  return Object.assign(router, { close: () => closeService(config) });
}
