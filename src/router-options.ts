import type { IncomingMessage } from 'node:http';
import type { AnsweringSetting } from './http/answering.ts';
import type { Logins } from './http/authenticate.ts';
import {
  booleanOption,
  functionOption,
  hasMethods,
  integerOption,
  type OptionChecks,
} from './internal/options.ts';
import { type InviteServiceOptions, inviteServiceOptionChecks } from './invite/service-options.ts';
import type { AuthAdapter, Requester, SessionAuth } from './ports/auth.ts';
import type { Logger } from './ports/logger.ts';
import type { RequestOutcome } from './ports/outcome.ts';

/** The options of `createInviteRouter`. One of `auth` and `session` is required. */
export type InviteRouterOptions<R extends Requester = Requester> = InviteServiceOptions<R> & {
  /** The host's logins by access token. Default: none, so that only `session` counts. */
  readonly auth?: AuthAdapter<R>;
  /** The host's logins by cookie, for requests without a token. Default: none. */
  readonly session?: SessionAuth<R>;
  /** Whether `?access_token=` is read as well as the Authorization header. Default true. */
  readonly queryToken?: boolean;
  /** Whether the CORS headers are ours to send. Default true; false for a host that sends its own. */
  readonly cors?: boolean;
  /**
   * The most bytes of a body, inflated. Default 409600: an event of 64 KiB in which every character is written as
   * `\uXXXX`.
   */
  readonly bodyLimitBytes?: number;
  /** How long a body may take to arrive, in milliseconds. Default 10000. */
  readonly bodyTimeoutMs?: number;
  /**
   * The id under which the host knows a request, for its log line and `onOutcome`; a text or a number. Default
   * the request's own id, which pino-http and others leave in `request.id`.
   */
  readonly requestId?: (request: IncomingMessage) => unknown;
  /** Told once a request (preflights aside), right after its answer; its failure is logged. Default none. */
  readonly onOutcome?: (outcome: RequestOutcome, request: IncomingMessage) => unknown;
};

/** The checks of {@link InviteRouterOptions}. */
export const inviteRouterOptionChecks: OptionChecks<InviteRouterOptions> = {
  ...inviteServiceOptionChecks,
  auth: {
    expects: 'an auth adapter: an object with authenticate',
    accepts: (value) => hasMethods(value, 'authenticate'),
  },
  session: {
    expects:
      'an object with authenticate and allowedOrigins, a list of origins such as "https://chat.example.org"',
    accepts: (value) =>
      hasMethods(value, 'authenticate') &&
      isListOfOrigins((value as { readonly allowedOrigins?: unknown }).allowedOrigins),
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

/** @param logger the service's */
export function answeringOf<R extends Requester>(
  { cors = true, requestId = idOf }: InviteRouterOptions<R>,
  logger: Logger,
): Pick<AnsweringSetting<unknown>, 'logger' | 'cors' | 'requestId'> {
  return { logger, cors, requestId };
}

function idOf(request: IncomingMessage & { readonly id?: unknown }): unknown {
  return request.id;
}

/** An origin with a path or a final slash would never match what browsers send. */
function isListOfOrigins(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (origin) => typeof origin === 'string' && URL.canParse(origin) && new URL(origin).origin === origin,
    )
  );
}
