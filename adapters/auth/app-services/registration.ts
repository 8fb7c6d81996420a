import { isNonEmptyString, nonEmptyStringOption, type OptionCheck } from '../../../src/internal/options.ts';
import { domainOf, isUserId } from '../../../src/rooms/identifiers.ts';
import { digestOf, isSameDigest, isToken, type TokenDigest } from '../shared/token-digest.ts';
import { UserNamespaces } from './user-namespaces.ts';

/** A namespace of an application service (application service API, "Registration"). */
export type AppServiceNamespace = {
  /** Whether only this application service may create such IDs. Not used here: this adapter creates none. */
  readonly exclusive: boolean;
  /** A regular expression in RE2 syntax that must match the whole ID. */
  readonly regex: string;
  readonly [further: string]: unknown;
};

/**
 * The registration of an application service, as a YAML parser returns it (application service API,
 * "Registration"). Further keys, which bridges write, are ignored. For an optional key, `null` counts as
 * absent: YAML parsers return it for a key without a value.
 */
export type AppServiceRegistration = {
  /** Unique among the registrations. */
  readonly id: string;
  /** The URL of the application service, or `null`. Not used here. */
  readonly url: string | null;
  /** The access token of the application service. */
  readonly as_token: string;
  /** The token that the homeserver sends to the application service. It authenticates nobody here. */
  readonly hs_token: string;
  /** The localpart of the user that the application service acts as if it asserts no other. */
  readonly sender_localpart: string;
  readonly namespaces: {
    /** The users, besides the sender, that it may act as. Default none. */
    readonly users?: readonly AppServiceNamespace[] | null | undefined;
    /** Not used here. */
    readonly aliases?: readonly AppServiceNamespace[] | null | undefined;
    /** Not used here. */
    readonly rooms?: readonly AppServiceNamespace[] | null | undefined;
    readonly [further: string]: unknown;
  };
  /** Whether rate limits apply to its users. They never apply to the sender. Default true. */
  readonly rate_limited?: boolean | null | undefined;
  readonly [further: string]: unknown;
};

/** The checked parts of a registration that authentication needs. */
export type AppService = {
  readonly id: string;
  /** The user ID of the sender. */
  readonly sender: string;
  readonly isRateLimited: boolean;
  readonly users: UserNamespaces;
  readonly token: TokenDigest;
  readonly homeserverToken: TokenDigest;
};

/**
 * Checks the registrations, and copies the parts that are needed.
 *
 * @param serverName the server of the senders
 * @throws {TypeError} names the registration, and never quotes a token
 */
export function appServicesOf(
  registrations: readonly AppServiceRegistration[],
  serverName: string,
): readonly AppService[] {
  const names = registrations.map(nameOf);
  const appServices = registrations.map((registration, index) =>
    appServiceOf(`appServices: ${names[index]}`, registration, serverName),
  );
  checkUnique(appServices, names);
  return appServices;
}

function appServiceOf(what: string, registration: AppServiceRegistration, serverName: string): AppService {
  checkRegistration(what, registration);
  const { id, as_token, hs_token, sender_localpart, namespaces, rate_limited } = registration;
  const sender = `@${sender_localpart}:${serverName}`;
  if (!isUserId(sender) || domainOf(sender) !== serverName) {
    throw new TypeError(`${what}: "sender_localpart" must be the localpart of a user ID on ${serverName}`);
  }
  return {
    id,
    sender,
    isRateLimited: rate_limited ?? true,
    users: new UserNamespaces(what, namespaces.users?.map(({ regex }) => regex) ?? []),
    token: digestOf(as_token),
    homeserverToken: digestOf(hs_token),
  };
}

/** IDs and `as_token`s identify application services, so the specification requires them to be unique. */
function checkUnique(appServices: readonly AppService[], names: readonly string[]): void {
  for (const [index, { id, token }] of appServices.entries()) {
    const name = names[index];
    const earlier = appServices.slice(0, index);
    const sameId = earlier.findIndex((other) => other.id === id);
    if (sameId !== -1) throw new TypeError(`appServices: ${name} has the same id as ${names[sameId]}`);
    const sameToken = earlier.findIndex((other) => isSameDigest(other.token, token));
    if (sameToken !== -1) {
      throw new TypeError(`appServices: ${name} has the same as_token as ${names[sameToken]}`);
    }
    // The homeserver sends the hs_token with every request: its recipient could act as this application
    // service.
    const receiver = appServices.findIndex((other) => isSameDigest(other.homeserverToken, token));
    if (receiver !== -1) {
      throw new TypeError(`appServices: ${name} uses the hs_token of ${names[receiver]} as its as_token`);
    }
  }
}

const tokenCheck: OptionCheck = {
  expects: 'a non-empty, well-formed token without white space at its ends',
  accepts: isToken,
};

const registrationChecks: Readonly<Record<string, OptionCheck>> = {
  id: nonEmptyStringOption,
  url: { expects: 'a string or null', accepts: (value) => value === null || typeof value === 'string' },
  as_token: tokenCheck,
  hs_token: tokenCheck,
  sender_localpart: nonEmptyStringOption,
  namespaces: { expects: 'an object', accepts: isObject },
  rate_limited: {
    expects: 'a boolean',
    accepts: (value) => isAbsent(value) || typeof value === 'boolean',
  },
};

/**
 * Checks the keys that are read, and those that the specification requires.
 *
 * @param what the registration, for error messages
 * @throws {TypeError} names the key, and never quotes its value: it may be a token in the wrong place
 */
function checkRegistration(
  what: string,
  registration: unknown,
): asserts registration is AppServiceRegistration {
  if (!isObject(registration)) throw new TypeError(`${what} must be an object`);
  for (const [key, { expects, accepts }] of Object.entries(registrationChecks)) {
    if (!accepts(registration[key])) throw new TypeError(`${what}: "${key}" must be ${expects}`);
  }
  checkUsers(what, fieldsOf(registration.namespaces).users);
}

function checkUsers(what: string, users: unknown): void {
  if (isAbsent(users)) return;
  if (!Array.isArray(users)) throw new TypeError(`${what}: "namespaces.users" must be a list`);
  for (const [index, namespace] of users.entries()) {
    const { regex, exclusive } = fieldsOf(namespace);
    if (typeof regex !== 'string' || typeof exclusive !== 'boolean') {
      throw new TypeError(
        `${what}: entry ${index + 1} of "namespaces.users" must have a string "regex" and a boolean "exclusive"`,
      );
    }
  }
}

/**
 * Returns the name of a registration for error messages: its ID, unless that is missing or a token in the
 * wrong place.
 */
function nameOf(registration: unknown, index: number): string {
  const { id, as_token, hs_token } = fieldsOf(registration);
  const isShown = isNonEmptyString(id) && id !== as_token && id !== hs_token;
  return `registration ${isShown ? JSON.stringify(id) : index + 1}`;
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
