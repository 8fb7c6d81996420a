import { defaultLogger, neverThrows } from '../internal/logger.ts';
import {
  booleanOption,
  functionOption,
  hasMethods,
  integerOption,
  isNonEmptyString,
  loggerOption,
  type OptionChecks,
} from '../internal/options.ts';
import type { Requester } from '../ports/auth.ts';
import type { CallContext } from '../ports/context.ts';
import type { Logger } from '../ports/logger.ts';
import type { InvitePolicy } from '../ports/policy.ts';
import type { RateLimitAdapter } from '../ports/rate-limit.ts';
import type { RemoteInvites } from '../ports/remote-invites.ts';
import type { StorageAdapter } from '../ports/storage.ts';
import type { UserDirectory } from '../ports/user-directory.ts';
import { isStateKey, type JsonObject, type NewStateEvent } from '../rooms/event.ts';
import { isServerName } from '../rooms/identifiers.ts';
import { Background, type InviteNotice } from './notify.ts';
import { federationCheck } from './remote-config.ts';
import {
  type ThirdPartyConfig,
  type ThirdPartyOptions,
  thirdPartyCheck,
  thirdPartyConfig,
} from './third-party-config.ts';

/** An invite that is about to be appended, as passed to `beforeAppend`. */
export type InviteDraft<R extends Requester = Requester> = {
  readonly requester: R;
  /** A copy: to change what is stored, return the `content`. */
  readonly event: NewStateEvent;
};

/** Options for `createInviteService`. */
export type InviteServiceOptions<R extends Requester = Requester> = {
  /** The server name, as in `@user:name`, or a list of all names that are local. Required. */
  readonly serverName: string | readonly string[];
  /** Stores the rooms. Required. */
  readonly storage: StorageAdapter;
  /** Counts the rate limits. Required: pass `false` to disable limits explicitly. */
  readonly rateLimit: RateLimitAdapter | false;
  /** The host's own rules, called in order after the room's rules. Default none. */
  readonly policies?: readonly InvitePolicy<R>[] | undefined;
  /** The host's users: whether they exist, their profiles and account data. Default none. */
  readonly users?: UserDirectory | undefined;
  /**
   * Called right before each append, after policies and rate limits. Returns `undefined` to store the event unchanged,
   * or `{ content }` to replace its content (`membership` must stay `invite`). Throws a `MatrixError` to veto the
   * invite: that error is the response. Any other failure is a 500, and a late result is a 503. In each case nothing is
   * appended and the rate limits are refunded. It must be safe to repeat: if the room changes in the meantime, it is
   * called again. Default none.
   */
  readonly beforeAppend?:
    | ((
        draft: InviteDraft<R>,
        context: CallContext,
      ) =>
        | { readonly content: JsonObject }
        | undefined
        | Promise<{ readonly content: JsonObject } | undefined>)
    | undefined;
  /**
   * Called after each appended invite, off the request path. Best effort: a failure is logged and never changes the
   * response, and a crash may lose a call. The room's timeline is the durable record. Default none.
   */
  readonly onInvite?: ((invite: InviteNotice<R>) => unknown) | undefined;
  /** Invites by email address or phone number. Default none: they are refused with 403 `M_THREEPID_DENIED`. */
  readonly thirdParty?: ThirdPartyOptions | undefined;
  /** Invites of users of other servers. Default none: they are refused with 403 `M_FORBIDDEN`. */
  readonly federation?: RemoteInvites | undefined;
  /**
   * Called after an invite by address is stored in a room, as `onInvite` is for the invite of a user. Default none.
   */
  readonly onAddressInvite?: ((invite: InviteNotice<R>) => unknown) | undefined;
  /**
   * Whether a 403 from the room's rules also has a machine-readable code, in the field
   * `org.matrix.msc3848.unstable.errcode`: not joined, already joined, banned or insufficient power. Default true.
   */
  readonly reasonCodes?: boolean | undefined;
  /** Receives at most one line per request, in pino's format. Default: warnings and errors to the console. */
  readonly logger?: Logger | undefined;
  /**
   * Time limit for all adapter calls of an invite together, in milliseconds. Default 5000. Over HTTP it applies twice:
   * to login and the `attempt` limit, and again once the body has arrived.
   */
  readonly deadlineMs?: number | undefined;
};

/** The options of a service with all defaults filled in, and the objects that its requests share. */
export type ServiceConfig<R extends Requester = Requester> = {
  readonly serverNames: ReadonlySet<string>;
  readonly storage: StorageAdapter;
  readonly rateLimit: RateLimitAdapter | false;
  readonly policies: readonly InvitePolicy<R>[];
  readonly users: UserDirectory | undefined;
  readonly beforeAppend: InviteServiceOptions<R>['beforeAppend'];
  readonly onInvite: ((invite: InviteNotice<R>) => unknown) | undefined;
  readonly thirdParty: ThirdPartyConfig | undefined;
  readonly federation: RemoteInvites | undefined;
  readonly onAddressInvite: ((invite: InviteNotice<R>) => unknown) | undefined;
  readonly reasonCodes: boolean;
  readonly logger: Logger;
  readonly deadlineMs: number;
  readonly background: Background;
};

export function serviceConfig<R extends Requester>(options: InviteServiceOptions<R>): ServiceConfig<R> {
  const { serverName } = options;
  return {
    serverNames: new Set(typeof serverName === 'string' ? [serverName] : serverName),
    storage: options.storage,
    rateLimit: options.rateLimit,
    policies: options.policies ?? [],
    users: options.users,
    beforeAppend: options.beforeAppend,
    onInvite: options.onInvite,
    thirdParty: options.thirdParty && thirdPartyConfig(options.thirdParty, options.policies ?? []),
    federation: options.federation,
    onAddressInvite: options.onAddressInvite,
    reasonCodes: options.reasonCodes ?? true,
    logger: neverThrows(options.logger ?? defaultLogger),
    deadlineMs: options.deadlineMs ?? 5_000,
    background: new Background(),
  };
}

const USER_FUNCTIONS = ['exists', 'getProfile', 'getAccountData'] as const satisfies (keyof UserDirectory)[];

export const inviteServiceOptionChecks: OptionChecks<InviteServiceOptions> = {
  serverName: {
    required: true,
    expects: 'a server name such as "example.org", or a list of server names',
    accepts: (value) => {
      const names: unknown[] = Array.isArray(value) ? value : [value];
      return names.length > 0 && names.every((name) => typeof name === 'string' && isServerName(name));
    },
  },
  storage: {
    required: true,
    expects: 'a storage adapter: an object with readState and appendEvent',
    accepts: (value) => hasMethods(value, 'readState', 'appendEvent'),
  },
  rateLimit: {
    required: true,
    expects: 'a rate limit adapter (an object with consume and refund), or false to disable limits',
    accepts: (value) => value === false || hasMethods(value, 'consume', 'refund'),
  },
  policies: {
    expects:
      'an array of policies: objects with a name, a decide function and, optionally, stateKeys (an array of { type, state_key }, or a function)',
    accepts: (value) => Array.isArray(value) && value.every(isPolicy),
  },
  users: {
    expects: `an object of functions: ${USER_FUNCTIONS.join(', ')}, each optional`,
    accepts: isUserDirectory,
  },
  beforeAppend: functionOption,
  onInvite: functionOption,
  thirdParty: thirdPartyCheck,
  federation: federationCheck,
  onAddressInvite: functionOption,
  reasonCodes: booleanOption,
  logger: loggerOption,
  deadlineMs: integerOption('milliseconds'),
};

/**
 * Rejects what would never be called: a misspelled function of a plain object, and any other object that has none of the
 * functions, such as a Map of users. An instance of a class may have more methods.
 */
function isUserDirectory(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const known: readonly string[] = USER_FUNCTIONS;
  const types = known.map((name) => typeof Reflect.get(value, name));
  if (!types.every((type) => type === 'undefined' || type === 'function')) return false;
  const isPlain = Object.getPrototypeOf(value) === Object.prototype;
  return isPlain ? Object.keys(value).every((name) => known.includes(name)) : types.includes('function');
}

function isPolicy(value: unknown): boolean {
  if (!hasMethods(value, 'decide')) return false;
  const { name, stateKeys } = value as Record<string, unknown>;
  return (
    isNonEmptyString(name) &&
    (stateKeys === undefined ||
      typeof stateKeys === 'function' ||
      (Array.isArray(stateKeys) && stateKeys.every(isStateKey)))
  );
}
