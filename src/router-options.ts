import type { IncomingMessage } from 'node:http';
import type { Logins } from './http/authenticate.ts';
import type { ResponseOptions } from './http/response.ts';
import { DEFAULT_BODY_TIMEOUT_MS } from './http/transport.ts';
import {
  booleanOption,
  functionOption,
  hasMethods,
  integerOption,
  type OptionChecks,
} from './internal/options.ts';
import { handleRejection, isThenable } from './internal/unawaited.ts';
import { type InviteServiceOptions, inviteServiceOptionChecks } from './invite/config.ts';
import type { AuthAdapter, Requester, SessionAuth } from './ports/auth.ts';
import type { Logger } from './ports/logger.ts';
import type { RequestOutcome } from './ports/outcome.ts';

/** Options for `createInviteRouter`. Either `auth` or `session` is required. */
export type InviteRouterOptions<R extends Requester = Requester> = InviteServiceOptions<R> & {
  /** Authenticates requests by access token. Default: none, so that only `session` is used. */
  readonly auth?: AuthAdapter<R> | undefined;
  /** Authenticates requests without a token, for example by cookie. Default: none. */
  readonly session?: SessionAuth<R> | undefined;
  /** Whether to read `?access_token=` as well as the Authorization header. Default true. */
  readonly queryToken?: boolean | undefined;
  /** Whether to send the CORS headers. Default true; pass false if the host sends its own. */
  readonly cors?: boolean | undefined;
  /**
   * The maximum size of a body in bytes, both as sent and decompressed. Default 409600: an event of 64 KiB in which
   * every character is written as `\uXXXX`.
   */
  readonly bodyLimitBytes?: number | undefined;
  /** The maximum time for a body to arrive, in milliseconds. Default 10000. */
  readonly bodyTimeoutMs?: number | undefined;
  /**
   * Returns the host's ID for a request, a string or a number, for its log line and `onOutcome`. It must not be `async`.
   * If it fails, the request has no ID, and the first failure is logged. Default the request's own `id`, which pino-http
   * and others set.
   */
  readonly requestId?: ((request: IncomingMessage) => unknown) | undefined;
  /** Called once per request (except preflights), right after its response. A failure is logged. Default none. */
  readonly onOutcome?: ((outcome: RequestOutcome, request: IncomingMessage) => unknown) | undefined;
};

export const inviteRouterOptionChecks: OptionChecks<InviteRouterOptions> = {
  ...inviteServiceOptionChecks,
  auth: {
    expects: 'an auth adapter: an object with authenticate',
    accepts: (value) => hasMethods(value, 'authenticate'),
  },
  session: {
    expects:
      'an object with authenticate and allowedOrigins, an array of origins such as "https://chat.example.org"',
    accepts: (value) =>
      hasMethods(value, 'authenticate') &&
      isArrayOfOrigins((value as { readonly allowedOrigins?: unknown }).allowedOrigins),
  },
  queryToken: booleanOption,
  cors: booleanOption,
  bodyLimitBytes: integerOption('bytes'),
  bodyTimeoutMs: integerOption('milliseconds'),
  requestId: functionOption,
  onOutcome: functionOption,
};

/** @throws {TypeError} when nobody could log in */
export function checkLogins<R extends Requester>(what: string, options: InviteRouterOptions<R>): void {
  if (options.auth === undefined && options.session === undefined) {
    throw new TypeError(`${what}: option "auth" or "session" is required`);
  }
}

export function loginsOf<R extends Requester>(options: InviteRouterOptions<R>): Logins<R> {
  return { auth: options.auth, session: options.session, queryToken: options.queryToken ?? true };
}

export function bodyTimeoutOf({
  bodyTimeoutMs = DEFAULT_BODY_TIMEOUT_MS,
}: Pick<InviteRouterOptions, 'bodyTimeoutMs'>): number {
  return bodyTimeoutMs;
}

/** @param logger the logger of the service */
export function responseOptionsOf(
  options: Pick<InviteRouterOptions, 'cors' | 'requestId' | 'bodyTimeoutMs'>,
  logger: Logger,
): Pick<ResponseOptions<unknown>, 'logger' | 'cors' | 'requestId' | 'bodyTimeoutMs'> {
  const { cors = true, requestId = ownIdOf } = options;
  return {
    logger,
    cors,
    requestId: withoutFailures(requestId, logger),
    bodyTimeoutMs: bodyTimeoutOf(options),
  };
}

/** An ID for log lines must not fail an invite: without one, the request goes on. The first failure is logged. */
function withoutFailures(
  requestId: (request: IncomingMessage) => unknown,
  logger: Logger,
): (request: IncomingMessage) => unknown {
  let isLogged = false;
  const report = (err: unknown) => {
    if (isLogged) return;
    isLogged = true;
    logger.error({ err }, 'requestId failed: requests have no ID in the log');
  };
  return (request) => {
    try {
      const id = requestId(request);
      if (!isThenable(id)) return id;
      handleRejection(id);
      throw new TypeError('requestId must return a string or a number, not a promise');
    } catch (err) {
      report(err);
      return undefined;
    }
  };
}

function ownIdOf(request: IncomingMessage & { readonly id?: unknown }): unknown {
  return request.id;
}

/** An origin with a path or a trailing slash would never match what browsers send. */
function isArrayOfOrigins(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (origin) => typeof origin === 'string' && URL.canParse(origin) && new URL(origin).origin === origin,
    )
  );
}
