import { checkOptions } from '../../../src/internal/options.ts';
import type { AuthAdapter, AuthRequest, AuthResult, Requester } from '../../../src/ports/auth.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { domainOf, isUserId } from '../../../src/rooms/identifiers.ts';
import { digestOf, isSameDigest, isToken } from '../shared/token-digest.ts';
import { type AppServicesOptions, appServicesOptionChecks } from './options.ts';
import { type AppService, appServicesOf } from './registration.ts';

export type { AppServicesOptions } from './options.ts';
export type { AppServiceNamespace, AppServiceRegistration } from './registration.ts';

/** A user that an application service acts as. */
export type AppServiceRequester = Requester & {
  /** The `id` of the application service's registration. */
  readonly appServiceId: string;
  /** The device of the user that the application service named. */
  readonly deviceId?: string | undefined;
};

/**
 * Authenticates application services, such as bridges, by the `as_token` of their registrations (application
 * service API, "Identity assertion").
 *
 * ```ts
 * const registrations = [parse(await readFile('irc-registration.yaml', 'utf8'))]; // parse of the yaml package
 * createInviteRouter({
 *   serverName: 'example.org',
 *   auth: firstOf(appServices({ serverName: 'example.org', registrations }), logins),
 *   …
 * });
 * ```
 *
 * Without `?user_id=`, an application service acts as its sender, `@sender_localpart:serverName`. With it, it acts as
 * that user, who must be the sender, or a registered user of this server whose whole ID matches an entry of
 * `namespaces.users`. Any other user is `forbidden`, and so is a malformed ID. With `?device_id=`, a device that the
 * user does not have is `unknownDevice`. Any other token is `unknown`.
 *
 * Rate limits apply to its users unless `rate_limited` is false, and never to the sender.
 *
 * Stores only SHA-256 digests of the tokens. Copies the registrations: to change them, create a new adapter.
 * Rejects if `userExists` or `deviceExists` rejects.
 *
 * @throws {TypeError} for an option that is unknown, missing or of the wrong type; for a registration that
 *   lacks a required key, has one of the wrong type, or shares its `id` or `as_token` with another; for an
 *   `as_token` that is also an `hs_token`; for an expression that is too large or not valid in RE2. No
 *   message quotes a token.
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
    const { serverName, registrations, userExists, deviceExists } = checkOptions<AppServicesOptions>(
      'appServices',
      options,
      appServicesOptionChecks,
    );
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
    // Checked before the expressions, because it limits the length of the ID that they match.
    if (!isUserId(userId) || !this.#serverNames.includes(domainOf(userId) ?? '')) return false;
    if (!users.include(userId)) return false;
    return this.#userExists === undefined || (await this.#userExists(userId, context)) === true;
  }

  async #hasDevice(userId: string, deviceId: string, context: CallContext): Promise<boolean> {
    // No device has such an ID, and databases fail on NUL.
    if (deviceId === '' || deviceId.includes('\0')) return false;
    return this.#deviceExists !== undefined && (await this.#deviceExists(userId, deviceId, context)) === true;
  }
}
