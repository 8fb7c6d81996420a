import { onBindByRequest } from './http/on-bind-request.ts';
import { createRoute } from './http/route.ts';
import { WorkBudget } from './http/work-budget.ts';
import { checkOptions, type OptionChecks } from './internal/options.ts';
import { serviceConfig } from './invite/config.ts';
import { closeService } from './invite/service.ts';
import { type ThirdPartyOptions, thirdPartyConfig } from './invite/third-party-config.ts';
import type { InviteRouter } from './router.ts';
import {
  bodyTimeoutOf,
  type InviteRouterOptions,
  inviteRouterOptionChecks,
  responseOptionsOf,
} from './router-options.ts';

/** Options for `createThirdPartyInviteRouter`. They mean the same as for `createInviteRouter`. */
export type ThirdPartyInviteRouterOptions = Pick<
  InviteRouterOptions,
  'serverName' | 'storage' | 'users' | 'logger' | 'deadlineMs' | 'bodyTimeoutMs' | 'requestId'
> & {
  /** Checks the keys. Required. */
  readonly thirdParty: ThirdPartyOptions;
  /** Called after each appended invite. Its `requester` has only the inviter's `userId`. Default none. */
  readonly onInvite?: InviteRouterOptions['onInvite'];
};

const { serverName, storage, users, onInvite, thirdParty, logger, deadlineMs, bodyTimeoutMs, requestId } =
  inviteRouterOptionChecks;
const optionChecks: OptionChecks<ThirdPartyInviteRouterOptions> = {
  serverName,
  storage,
  users,
  onInvite,
  thirdParty: { ...thirdParty, required: true },
  logger,
  deadlineMs,
  bodyTimeoutMs,
  requestId,
};

/** The maximum size of a body, in bytes: about 400 invites of sydent, which repeats a request that is too large forever. */
const MAX_BODY_BYTES = 262_144;

/**
 * Creates the router for `PUT …/3pid/onbind`, by which an identity server says who has an address now: users who were
 * invited by that address are then invited by user ID. Mount it at `/_matrix/federation/v1`. It also accepts `POST`, which
 * identity servers send.
 *
 * ```ts
 * app.use('/_matrix/federation/v1', createThirdPartyInviteRouter({ serverName, storage, thirdParty }));
 * ```
 *
 * It needs no login: an invite needs a signature by a key in the room's own event. What a sender
 * may cost is limited, by IP address: behind a proxy, set Express's `trust proxy`. Invites into unknown rooms, and invites by users of other servers, are skipped.
 *
 * @throws {TypeError} for an unknown or missing option, or one of the wrong type
 * @see [errors, Router and service](../docs/errors.md#router-and-service)
 * @see https://spec.matrix.org/v1.18/server-server-api/#put_matrixfederationv13pidonbind
 */
export function createThirdPartyInviteRouter(options: ThirdPartyInviteRouterOptions): InviteRouter {
  const checked = checkOptions<ThirdPartyInviteRouterOptions>(
    'createThirdPartyInviteRouter',
    options,
    optionChecks,
  );
  const config = {
    ...serviceConfig({ ...checked, rateLimit: false }),
    thirdParty: thirdPartyConfig(checked.thirdParty, []),
    body: { limitBytes: MAX_BODY_BYTES, timeoutMs: bodyTimeoutOf(checked) },
    budget: new WorkBudget(),
  };
  const router = createRoute<object>({
    path: '/3pid/onbind',
    methods: ['PUT', 'POST'],
    responseOptions: {
      ...responseOptionsOf({ ...checked, cors: false }, config.logger),
      what: 'an onbind',
      bodyOf: () => ({}),
      detailsOf: () => ({}),
    },
    work: (exchange) => onBindByRequest(config, exchange),
  });
  return Object.assign(router, { close: () => closeService(config) });
}
