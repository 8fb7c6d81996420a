import { MatrixError } from '../errors.ts';
import type { Requester } from '../ports/auth.ts';
import type { InviteTrace } from '../ports/outcome.ts';
import type { AddressKey } from '../ports/pending-address-invites.ts';
import type { AddressInvite } from '../ports/third-party.ts';
import { MEDIA, normalizeAddress } from '../rooms/address.ts';
import { isServerName } from '../rooms/identifiers.ts';
import { addressHash } from './address-hash.ts';
import type { ServiceConfig } from './config.ts';
import type { InviteResult } from './explain.ts';
import type { RequestLog } from './request-log.ts';
import type { ThirdPartyConfig } from './third-party-config.ts';

/** An invite by address. */
export type AddressInviteRequest<R extends Requester = Requester> = {
  readonly requester: R;
  readonly roomId: string;
  /** The identity server: host name and optional port. */
  readonly idServer: string;
  /** The requester's access token for that server. It is a secret: it must not reach a log. */
  readonly idAccessToken: string;
  /** The kind of address: `email` or `msisdn`. */
  readonly medium: string;
  /** The address, as a person writes it. It must not reach a log. */
  readonly address: string;
  /** Ends the wait early, as the deadlines do. It does not undo what has started. */
  readonly signal?: AbortSignal | undefined;
};

/** The result of an invite by address that was not refused. If a user has the address, it is that of inviting them. */
export type AddressInviteResult =
  | InviteResult
  | { readonly outcome: 'storedForAddress'; readonly eventId?: string | undefined };

/** One invite by address: the parameter of every step. */
export type AddressRun<R extends Requester = Requester> = {
  readonly config: ServiceConfig<R> & { readonly thirdParty: ThirdPartyConfig };
  readonly requester: R;
  readonly invite: AddressInvite;
  readonly key: AddressKey;
  /** Filled in when a part of the run ends, by `endRun`. */
  readonly trace: InviteTrace;
  readonly log: RequestLog;
  /** Ends the run early, as the deadlines do. */
  readonly signal: AbortSignal | undefined;
};

type RunOptions = {
  readonly trace: InviteTrace;
  readonly log: RequestLog;
  readonly signal: AbortSignal | undefined;
};

/**
 * Starts a run, with the address in its canonical form. Nothing else from the request gets into it.
 *
 * @throws {MatrixError} 400 or 403 for an invalid request
 */
export function startAddressRun<R extends Requester>(
  config: ServiceConfig<R>,
  { requester, roomId, idServer, idAccessToken, medium, address }: AddressInviteRequest<R>,
  { trace, log, signal }: RunOptions,
): AddressRun<R> {
  const { thirdParty } = config;
  if (thirdParty === undefined) {
    throw new MatrixError(403, 'M_THREEPID_DENIED', 'Users can only be invited by their Matrix user ID');
  }
  for (const [name, value] of Object.entries({ idServer, idAccessToken, medium, address })) {
    if (typeof value !== 'string' || !value.isWellFormed()) {
      throw new MatrixError(400, 'M_BAD_JSON', `${name} must be a well-formed string`);
    }
  }
  const known = MEDIA.find((each) => each === medium);
  if (known === undefined) {
    throw new MatrixError(403, 'M_THREEPID_MEDIUM_NOT_SUPPORTED', 'This kind of address is not supported');
  }
  const normalized = normalizeAddress(known, address);
  if (normalized === undefined) {
    throw new MatrixError(400, 'M_INVALID_PARAM', 'address is not a valid address of its medium');
  }
  if (!isServerName(idServer)) {
    throw new MatrixError(400, 'M_INVALID_PARAM', 'id_server is not a server name');
  }
  log.conceal([address, normalized, idAccessToken].filter((secret) => secret !== ''));
  const sender = requester.userId;
  return {
    config: { ...config, thirdParty },
    requester,
    invite: { roomId, sender, idServer, idAccessToken, medium: known, address: normalized },
    key: { roomId, addressHash: addressHash(thirdParty.secret, known, normalized) },
    trace,
    log,
    signal,
  };
}
