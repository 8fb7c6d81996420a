import { checkOptions } from '../../../src/internal/options.ts';
import type { AuthAdapter, AuthRequest, AuthResult, Requester } from '../../../src/ports/auth.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { domainOf, isUserId } from '../../../src/rooms/identifiers.ts';
import { digestOf, isSameDigest, isToken } from '../shared/token-digest.ts';
import { type AppService, appServicesOf } from './app-service.ts';
import { type AppServicesOptions, appServicesOptionChecks } from './options.ts';

export type { AppServicesOptions } from './options.ts';
export type { AppServiceNamespace, AppServiceRegistration } from './registration.ts';

/** A user in whose name an application service asks. */
export type AppServiceRequester = Requester & {
  /** The `id` of the application service's registration. */
  readonly appServiceId: string;
  /** The device that it has named, one of the user's. */
  readonly deviceId?: string;
};

/**
 * Logins of application services, bridges say, by the `as_token` of their registrations (application service API,
 * "Identity assertion").
 *
 * ```ts
 * const registrations = [parse(await readFile('irc-registration.yaml', 'utf8'))]; // parse of the package yaml
 * createInviteRouter({
 *   serverName: 'example.org',
 *   auth: firstOf(appServices({ serverName: 'example.org', registrations }), logins),
 *   …
 * });
 * ```
 *
 * Without `?user_id=` it acts as its sender, `@sender_localpart:serverName`; with it, as that user: the sender, or a
 * user of this server, registered, whose whole id one of `namespaces.users` matches. Everybody else, an ill-formed
 * id too, is `forbidden`. A device that `?device_id=` names and that is not the user's is `unknownDevice`. Another
 * token is `unknown`.
 *
 * Rate limits count for its users unless `rate_limited` is false, and never for the sender.
 *
 * Tokens are kept as SHA-256 digests only. The registrations are copied: for others, make a new adapter. It rejects
 * when `userExists` or `deviceExists` does.
 *
 * @throws {TypeError} for an unknown or ill-typed option; for a registration that lacks a required key, has one of
 *   the wrong type, or shares its `id` or `as_token` with another; for an `as_token` that is also an `hs_token`; for
 *   an expression that is not RE2's, or too large. No message quotes a token.
 * @see [errors, appServices](../../../docs/errors.md#appservices)
 */
export function appServices(options: AppServicesOptions): AuthAdapter<AppServiceRequester> {
  return new AppServiceAuth(options);
}

class AppServiceAuth implements AuthAdapter<AppServiceRequester> {
  readonly #appServices: readonly AppService[];
  readonly #serverNames: readonly string[];
  readonly #userExists: AppServicesOptions['userExists'];
  readonly #deviceExists: AppServicesOptions['deviceExists'];

  constructor(options: AppServicesOptions) {
    checkOptions<AppServicesOptions>('appServices', options, appServicesOptionChecks);
    const { serverName, registrations, userExists, deviceExists } = options;
    this.#serverNames = [serverName].flat();
    this.#appServices = appServicesOf(registrations, this.#serverNames[0] ?? '');
    this.#userExists = userExists;
    this.#deviceExists = deviceExists;
  }

  async authenticate(
    { accessToken, assertedUserId, assertedDeviceId: deviceId }: AuthRequest,
    context: CallContext,
  ): Promise<AuthResult<AppServiceRequester>> {
    const appService = this.#appServiceOf(accessToken);
    if (appService === undefined) return { failure: 'unknown' };
    const { id: appServiceId, sender, isRateLimited } = appService;
    const userId = assertedUserId ?? sender;
    if (!(await this.#maySpeakFor(appService, userId, context))) return { failure: 'forbidden' };
    const isRateLimitExempt = !isRateLimited || userId === sender;
    const requester: AppServiceRequester = { userId, appServiceId, isRateLimitExempt };
    if (deviceId === undefined) return { requester };
    if (!(await this.#hasDevice(userId, deviceId, context))) return { failure: 'unknownDevice' };
    return { requester: { ...requester, deviceId } };
  }

  #appServiceOf(accessToken: string): AppService | undefined {
    if (!isToken(accessToken)) return undefined;
    const digest = digestOf(accessToken);
    return this.#appServices.find(({ token }) => isSameDigest(token, digest));
  }

  async #maySpeakFor({ sender, users }: AppService, userId: string, context: CallContext): Promise<boolean> {
    if (userId === sender) return true;
    // Before the expressions: it bounds the length of what they are matched against.
    if (!isUserId(userId) || !this.#serverNames.includes(domainOf(userId) ?? '')) return false;
    if (!users.include(userId)) return false;
    return this.#userExists === undefined || (await this.#userExists(userId, context)) === true;
  }

  async #hasDevice(userId: string, deviceId: string, context: CallContext): Promise<boolean> {
    // No device has such an id, and databases choke on NUL.
    if (deviceId === '' || deviceId.includes('\0')) return false;
    return this.#deviceExists !== undefined && (await this.#deviceExists(userId, deviceId, context)) === true;
  }
}
