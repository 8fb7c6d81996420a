import { domainOf, isUserId } from '../../../src/rooms/identifiers.ts';
import { digestOf, isSameDigest, type TokenDigest } from '../shared/token-digest.ts';
import { type AppServiceRegistration, checkRegistration, nameOf } from './registration.ts';
import { UserNamespaces } from './user-namespaces.ts';

/** What is kept of a registration. */
export type AppService = {
  readonly id: string;
  /** The user id of the sender. */
  readonly sender: string;
  readonly isRateLimited: boolean;
  readonly users: UserNamespaces;
  readonly token: TokenDigest;
  readonly homeserverToken: TokenDigest;
};

/**
 * Checks the registrations, and copies what is needed of them.
 *
 * @param serverName where the senders are
 * @throws {TypeError} names the registration, and quotes no token
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
    throw new TypeError(`${what}: "sender_localpart" must be the localpart of a user id of ${serverName}`);
  }
  return {
    id,
    sender,
    isRateLimited: rate_limited ?? true,
    users: new UserNamespaces(what, namespaces.users ?? []),
    token: digestOf(as_token),
    homeserverToken: digestOf(hs_token),
  };
}

/** Ids and `as_token`s tell application services apart, so that the specification wants them unique. */
function checkUnique(appServices: readonly AppService[], names: readonly string[]): void {
  for (const [index, { id, token }] of appServices.entries()) {
    const refuse = (what: string, isSame: (other: AppService, otherIndex: number) => boolean) => {
      const found = appServices.findIndex(isSame);
      if (found !== -1)
        throw new TypeError(`appServices: ${names[index]} has the ${what} of ${names[found]}`);
    };
    refuse('id', (other, otherIndex) => otherIndex < index && other.id === id);
    refuse('as_token', (other, otherIndex) => otherIndex < index && isSameDigest(other.token, token));
    // An hs_token goes out with every request to its application service: whoever gets that could act as this one.
    refuse('hs_token, as its as_token,', (other) => isSameDigest(other.homeserverToken, token));
  }
}
