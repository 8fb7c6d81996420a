import { MatrixError } from '../../src/errors.ts';
import type { CallContext } from '../../src/ports/context.ts';
import type {
  AddressInvite,
  AddressInviteKey,
  InviteRoomDetails,
  StoredAddressInvite,
  ThirdPartyIdentity,
} from '../../src/ports/third-party.ts';
import { isReachableServerName } from '../../src/rooms/identifiers.ts';
import { OutboundClient } from '../shared/outbound/client.ts';
import { withDeadline } from '../shared/outbound/deadline.ts';
import { IdentityApi } from './api.ts';
import { unavailable } from './errors.ts';
import { isKeyValid } from './key-validity.ts';
import { lookUp } from './lookup.ts';
import { checkIdentityServersOptions, type IdentityServersOptions } from './options.ts';
import { storeInvite } from './store-invite.ts';

const KEY_VALIDITY_TIMEOUT_MS = 5_000;

/** What a header can transport as a token. */
const ACCESS_TOKEN = /^[!-~]{1,4096}$/;

/**
 * Invites by email address and phone number through identity servers (Identity Service API v2).
 *
 * ```ts
 * const identity = identityServers({ servers: ['id.example.org'] });
 * ```
 *
 * A lookup sends a hash of the address, and an invite of an unknown email address sends the address itself, so that the
 * identity server can send an email. Both need the user's `id_access_token`, which goes to that server only.
 *
 * It connects to no private, local or otherwise special IP address that `allowAddresses` does not list, and follows no
 * redirects. At most 64 requests are under way at once, 4 to one server, and as many that check keys. After three network faults in a row, a server
 * is not asked for 30 seconds.
 *
 * @throws {TypeError} for unknown, missing and invalid options
 * @see [errors, identityServers](../../docs/errors.md#identityservers)
 */
export function identityServers(options: IdentityServersOptions): ThirdPartyIdentity {
  return new IdentityServers(checkIdentityServersOptions(options));
}

class IdentityServers implements ThirdPartyIdentity {
  readonly #client: OutboundClient;
  /** Anybody can have keys checked at URLs that never answer, and must not hold up the requests of the others. */
  readonly #keyClient: OutboundClient;
  readonly #servers: ReadonlySet<string> | 'any';
  readonly #media: ReadonlySet<string>;
  readonly timeoutMs: number;
  readonly #plainLookup: boolean;

  constructor(options: IdentityServersOptions) {
    const { servers, media = ['email', 'msisdn'], timeoutMs = 10_000, plainLookup = false } = options;
    this.#client = new OutboundClient(options);
    this.#keyClient = new OutboundClient(options);
    this.#servers = servers === 'any' ? servers : new Set(servers.map(canonical));
    this.#media = new Set(media);
    this.timeoutMs = timeoutMs;
    this.#plainLookup = plainLookup;
  }

  objectionTo({ medium, idServer, idAccessToken }: AddressInvite): MatrixError | undefined {
    if (!this.#media.has(medium)) {
      return new MatrixError(
        403,
        'M_THREEPID_MEDIUM_NOT_SUPPORTED',
        'This kind of address cannot be invited here',
      );
    }
    if (!isReachableServerName(idServer)) {
      return new MatrixError(400, 'M_INVALID_PARAM', 'id_server is not a valid server name');
    }
    if (this.#servers !== 'any' && !this.#servers.has(canonical(idServer))) {
      return new MatrixError(403, 'M_SERVER_NOT_TRUSTED', 'This identity server cannot be used here');
    }
    return ACCESS_TOKEN.test(idAccessToken)
      ? undefined
      : new MatrixError(400, 'M_INVALID_PARAM', 'id_access_token is not a valid token');
  }

  lookUp(invite: AddressInvite, context: CallContext): Promise<string | undefined> {
    return this.#call(this.timeoutMs, context, (signal) =>
      lookUp(new IdentityApi(this.#client, invite, signal), invite, this.#plainLookup),
    );
  }

  storeInvite(
    invite: AddressInvite,
    room: InviteRoomDetails,
    context: CallContext,
  ): Promise<StoredAddressInvite | 'inUse'> {
    return this.#call(this.timeoutMs, context, (signal) =>
      storeInvite(new IdentityApi(this.#client, invite, signal), invite, room),
    );
  }

  isKeyValid(key: AddressInviteKey, context: CallContext): Promise<boolean> {
    return this.#call(KEY_VALIDITY_TIMEOUT_MS, context, (signal) => isKeyValid(this.#keyClient, key, signal));
  }

  /** Runs a call, all of whose requests together take at most this many milliseconds. */
  async #call<T>(
    timeoutMs: number,
    context: CallContext,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    try {
      return await withDeadline(timeoutMs, context, work);
    } catch (error) {
      throw unavailable(error);
    }
  }
}

/** Returns a server name in the form in which two of them can be compared. */
function canonical(serverName: string): string {
  return new URL(`https://${serverName}`).host;
}
