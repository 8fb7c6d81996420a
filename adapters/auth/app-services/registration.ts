import type { OptionCheck } from '../../../src/internal/options.ts';
import { isToken } from '../shared/token-digest.ts';

/** Which ids belong to an application service (application service API, "Registration"). */
export type AppServiceNamespace = {
  /** Whether nobody else may make such ids. It matters to who makes them, and not to who acts in their names. */
  readonly exclusive: boolean;
  /** A regular expression in RE2's syntax, which the whole id must match. */
  readonly regex: string;
  readonly [further: string]: unknown;
};

/**
 * An application service's registration, as a YAML parser gives it (application service API, "Registration").
 * Bridges write further keys, which are ignored. `null`, YAML's value of a key without one, is as good as no key
 * where a key is optional.
 */
export type AppServiceRegistration = {
  /** Unique among the registrations. */
  readonly id: string;
  /** Where the application service listens, or `null`. Not used here. */
  readonly url: string | null;
  /** The application service's own secret, its access token. */
  readonly as_token: string;
  /** The homeserver's secret, which it sends to the application service. It opens nothing here. */
  readonly hs_token: string;
  /** The localpart of the user in whose name the application service acts when it asserts nobody. */
  readonly sender_localpart: string;
  readonly namespaces: {
    /** The users, beside the sender, in whose names it may act. Default none. */
    readonly users?: readonly AppServiceNamespace[] | null;
    /** Not used here. */
    readonly aliases?: readonly AppServiceNamespace[] | null;
    /** Not used here. */
    readonly rooms?: readonly AppServiceNamespace[] | null;
    readonly [further: string]: unknown;
  };
  /** Whether rate limits count for its users. For the sender they never do. Default true. */
  readonly rate_limited?: boolean | null;
  readonly [further: string]: unknown;
};

const text: OptionCheck = {
  expects: 'a text that is not empty',
  accepts: (value) => typeof value === 'string' && value !== '',
};
const token: OptionCheck = { expects: 'a well-formed token, not empty', accepts: isToken };

const checks: Readonly<Record<string, OptionCheck>> = {
  id: text,
  url: { expects: 'a text or null', accepts: (value) => value === null || typeof value === 'string' },
  as_token: token,
  hs_token: token,
  sender_localpart: text,
  namespaces: { expects: 'an object', accepts: isObject },
  rate_limited: {
    expects: 'true or false',
    accepts: (value) => isLeftOut(value) || typeof value === 'boolean',
  },
};

/**
 * Checks what is read of a registration, and what the specification requires of one.
 *
 * @param what names it in messages
 * @throws {TypeError} names the key, and never quotes its value: that may be a token in the wrong place
 */
export function checkRegistration(
  what: string,
  registration: unknown,
): asserts registration is AppServiceRegistration {
  if (!isObject(registration)) throw new TypeError(`${what} must be an object`);
  for (const [key, { expects, accepts }] of Object.entries(checks)) {
    if (!accepts(registration[key])) throw new TypeError(`${what}: "${key}" must be ${expects}`);
  }
  checkUsers(what, fieldsOf(registration.namespaces).users);
}

function checkUsers(what: string, users: unknown): void {
  if (isLeftOut(users)) return;
  if (!Array.isArray(users)) throw new TypeError(`${what}: "namespaces.users" must be a list`);
  for (const [index, namespace] of users.entries()) {
    const { regex, exclusive } = fieldsOf(namespace);
    if (typeof regex !== 'string' || typeof exclusive !== 'boolean') {
      throw new TypeError(
        `${what}: "namespaces.users" must have a "regex", a text, and "exclusive", true or false, in entry ${index + 1}`,
      );
    }
  }
}

/** How messages name a registration: by its id, where that is one and no token in the wrong place. */
export function nameOf(registration: unknown, index: number): string {
  const { id, as_token, hs_token } = fieldsOf(registration);
  const isShown = typeof id === 'string' && id !== '' && id !== as_token && id !== hs_token;
  return `registration ${isShown ? JSON.stringify(id) : index + 1}`;
}

function isLeftOut(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
