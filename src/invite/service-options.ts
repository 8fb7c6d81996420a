import {
  booleanOption,
  functionOption,
  hasMethods,
  integerOption,
  loggerOption,
  type OptionChecks,
} from '../internal/options.ts';
import type { Requester } from '../ports/auth.ts';
import type { CallContext } from '../ports/context.ts';
import type { Logger } from '../ports/logger.ts';
import type { InvitePolicy } from '../ports/policy.ts';
import type { RateLimitAdapter } from '../ports/rate-limit.ts';
import type { StorageAdapter } from '../ports/storage.ts';
import type { UserDirectory } from '../ports/user-directory.ts';
import { isStateKey, type JsonObject, type NewStateEvent } from '../rooms/event.ts';
import { isServerName } from '../rooms/identifiers.ts';

/** What `onInvite` is told of an appended invite. */
export type InviteNotice<R extends Requester = Requester> = {
  readonly requester: R;
  readonly event: NewStateEvent;
  /** Left out where the host keeps no event ids and the store did not say. */
  readonly eventId?: string;
};

/** An invite that is about to be appended. */
export type InviteDraft<R extends Requester = Requester> = {
  readonly requester: R;
  /** A copy: to change what is stored, return the `content`. */
  readonly event: NewStateEvent;
};

/** The options of `createInviteService`. */
export type InviteServiceOptions<R extends Requester = Requester> = {
  /** The server's name, as in `@user:name`; all of its names where it has several. Required. */
  readonly serverName: string | readonly string[];
  /** Where the rooms are. Required. */
  readonly storage: StorageAdapter;
  /** Where rate limits are counted, or `false` for no limits at all. Required, so that going without is said. */
  readonly rateLimit: RateLimitAdapter | false;
  /** The host's own rules, asked in order after the room's. Default none. */
  readonly policies?: readonly InvitePolicy<R>[];
  /** The host's users: whether they exist, their profiles and account data. Default none. */
  readonly users?: UserDirectory;
  /**
   * Asked right before each append, after policies and rate limits: `undefined` for the event as it is, `{ content }`
   * for other content (its `membership` stays `invite`), or a thrown `MatrixError` for a veto, answered as it stands.
   * Another failure is 500, a late answer 503; either way nothing is appended and the limits are given back. It
   * must be safe to repeat: when the room changes meanwhile, it is asked again. Default none.
   */
  readonly beforeAppend?: (
    draft: InviteDraft<R>,
    context: CallContext,
  ) => { readonly content: JsonObject } | undefined | Promise<{ readonly content: JsonObject } | undefined>;
  /**
   * Told after each appended invite, off the request's path. Best effort: its failure is logged, never answered,
   * and a crash may lose a call; the room's timeline is the durable record. Default none.
   */
  readonly onInvite?: (invite: InviteNotice<R>) => unknown;
  /**
   * Whether a 403 by the room's rules has a code for programs beside its text, in the field
   * `org.matrix.msc3848.unstable.errcode`: not joined, already joined, banned, insufficient power. Default true.
   */
  readonly reasonCodes?: boolean;
  /** Gets one line a request at most, in pino's form. Default: warnings and errors to the console. */
  readonly logger?: Logger;
  /**
   * How long an invite may take, all adapters together, in milliseconds. Default 5000. Over HTTP it runs twice: for
   * the login and the `attempt` limit, and again once the body is there.
   */
  readonly deadlineMs?: number;
};

const USER_FUNCTIONS = ['exists', 'getProfile', 'getAccountData'] as const satisfies (keyof UserDirectory)[];

/** The checks of {@link InviteServiceOptions}. */
export const inviteServiceOptionChecks: OptionChecks<InviteServiceOptions> = {
  serverName: {
    required: true,
    expects: 'a server name such as "example.org", or a list of them',
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
    expects: 'a rate limit adapter (an object with consume and refund), or false for no limits',
    accepts: (value) => value === false || hasMethods(value, 'consume', 'refund'),
  },
  policies: {
    expects:
      'a list of policies: objects with a name, a function decide and, if any, stateKeys (a list of { type, state_key }, or a function)',
    accepts: (value) => Array.isArray(value) && value.every(isPolicy),
  },
  users: {
    expects: `an object of functions: ${USER_FUNCTIONS.join(', ')}, each optional`,
    accepts: isUserDirectory,
  },
  beforeAppend: functionOption,
  onInvite: functionOption,
  reasonCodes: booleanOption,
  logger: loggerOption,
  deadlineMs: integerOption('milliseconds'),
};

/** A misspelt function would never be asked. A class may have more methods, so only plain objects are strict. */
function isUserDirectory(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const known: readonly string[] = USER_FUNCTIONS;
  const isPlain = Object.getPrototypeOf(value) === Object.prototype;
  return (
    known.every((name) => ['undefined', 'function'].includes(typeof Reflect.get(value, name))) &&
    (!isPlain || Object.keys(value).every((name) => known.includes(name)))
  );
}

function isPolicy(value: unknown): boolean {
  if (!hasMethods(value, 'decide')) return false;
  const { name, stateKeys } = value as Record<string, unknown>;
  return (
    typeof name === 'string' &&
    (stateKeys === undefined ||
      typeof stateKeys === 'function' ||
      (Array.isArray(stateKeys) && stateKeys.every(isStateKey)))
  );
}
