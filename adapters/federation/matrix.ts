import {
  isMatrixError,
  isStorageUnavailable,
  MatrixError,
  StorageUnavailableError,
} from '../../src/errors.ts';
import { contextWithTimeout, isAborted } from '../../src/internal/call-context.ts';
import { ExpiringMap } from '../../src/internal/expiring-map.ts';
import { unlessAborted } from '../../src/internal/waits.ts';
import { lenientCanonicalJson } from '../../src/pdu/canonical-json.ts';
import { stateEventOf } from '../../src/pdu/state-event.ts';
import type { CallContext } from '../../src/ports/context.ts';
import type { RemoteInvite, RemoteInvites } from '../../src/ports/remote-invites.ts';
import type { BuiltInvite, RoomGraph } from '../../src/ports/room-graph.ts';
import type { Signer } from '../../src/ports/signer.ts';
import type { StateSnapshot } from '../../src/ports/storage.ts';
import type { NewStateEvent, StateKey } from '../../src/rooms/event.ts';
import { domainOf } from '../../src/rooms/identifiers.ts';
import { POLICY_KEY, type PolicyServer, policyServerIn } from '../../src/rooms/policy-server.ts';
import { CREATE_KEY, find, mayTakePart } from '../../src/rooms/room-state.ts';
import { isAllowedByAcl, SERVER_ACL_KEY } from '../../src/rooms/server-acl.ts';
import { OutboundError } from '../shared/outbound/error.ts';
import { FederationClient } from './client/federation-client.ts';
import { checkBuilt, hasFormerKey, isSameCall } from './invite/built.ts';
import { InviteFailure, unreachable } from './invite/errors.ts';
import { Exchange } from './invite/exchange.ts';
import { checkMatrixFederationOptions, type MatrixFederationOptions } from './options.ts';

/** The part of the time that other servers have. The rest is for the host's store. */
const REQUESTS_SHARE = 0.75;

/** The maximum time to abandon an invite, in milliseconds. */
const DISCARD_TIMEOUT_MS = 5_000;

/** The wait for a client after a failure of the host's own services, in milliseconds. */
const RETRY_AFTER_MS = 5_000;

/** The age at which an invite that was not completed is abandoned, in milliseconds. */
const MAX_AGE_MS = 3_600_000;

/** The number of invites whose signatures are remembered until they are stored. */
const MAX_EXCHANGES = 10_000;

/** The number of unfinished invites that are read at once first. */
const PAGE_SIZE = 100;

/**
 * The maximum size of a PDU, and what the signatures of two servers take of it at most, in bytes: ten of the invitee's
 * server, with key IDs of 72 characters, and one of the policy server.
 */
const MAX_PDU_BYTES = 65_536;
const SIGNATURE_BYTES = 2_500;

type InviteResult = Awaited<ReturnType<RemoteInvites['invite']>>;

/**
 * Invites users of other servers over the federation API. It has the invite signed by the invitee's server and, if the room
 * has one, by its policy server, and then stores it with their signatures. For the option `federation`.
 *
 * ```ts
 * const rooms = new SqliteGraphStorage(database, { signer });
 * const federation = matrixFederation({ signer, rooms });
 * app.use('/_matrix/client/v3', createInviteRouter({ storage: rooms, federation, … }));
 * ```
 *
 * Other servers need the public key of the signer: see `createServerKeyRouter`. Requests have the same guards as those of
 * `identityServers`. They reach no private, local or otherwise special IP address that `allowAddresses` does not list. At most
 * 64 requests run at once, and 4 to one server. After three network faults in a row, no requests are sent to a server for 30
 * seconds.
 *
 * @throws {TypeError} for unknown, missing and invalid options
 * @see [errors, matrixFederation](../../docs/errors.md#matrixfederation)
 * @see https://spec.matrix.org/v1.18/server-server-api/#inviting-to-a-room
 */
export function matrixFederation<Revision = unknown>(
  options: MatrixFederationOptions<Revision>,
): RemoteInvites<Revision> {
  return new MatrixFederation(checkMatrixFederationOptions(options));
}

class MatrixFederation<Revision> implements RemoteInvites<Revision> {
  readonly timeoutMs: number;
  readonly #signer: Signer;
  readonly #rooms: RoomGraph<Revision>;
  readonly #client: FederationClient;
  readonly #requestsMs: number;
  readonly #servers: { readonly allow: string[]; readonly deny: string[] };
  readonly #policyServers: boolean;
  /** By event ID. */
  readonly #exchanges = new ExpiringMap<Exchange>(MAX_EXCHANGES);

  /** @param options checked options */
  constructor(options: MatrixFederationOptions<Revision>) {
    const { signer, rooms, servers = {}, timeoutMs = 20_000, policyServers = true } = options;
    this.timeoutMs = timeoutMs;
    this.#signer = signer;
    this.#rooms = rooms;
    this.#client = new FederationClient(options);
    this.#requestsMs = Math.ceil(timeoutMs * REQUESTS_SHARE);
    this.#servers = { allow: [...(servers.allow ?? ['*'])], deny: [...(servers.deny ?? [])] };
    this.#policyServers = policyServers;
  }

  stateKeys(invite: RemoteInvite): readonly StateKey[] {
    return [
      ...(this.#remoteServer(invite.userId) === undefined ? [] : [SERVER_ACL_KEY]),
      ...(this.#policyServers ? [POLICY_KEY] : []),
    ];
  }

  concerns({ userId }: RemoteInvite, state: StateSnapshot<Revision>): boolean {
    return this.#remoteServer(userId) !== undefined || this.#policyServerIn(state) !== undefined;
  }

  objectionTo({ userId }: RemoteInvite, { events }: StateSnapshot<Revision>): MatrixError | undefined {
    const server = this.#remoteServer(userId);
    if (server === undefined) return undefined;
    const create = find(events, CREATE_KEY);
    const acl = find(events, SERVER_ACL_KEY)?.content;
    if (create !== undefined && !mayTakePart(userId, create)) return notOpen();
    if (acl !== undefined && !isAllowedByAcl(server, acl)) {
      return new MatrixError(403, 'M_FORBIDDEN', "This room denies the user's server");
    }
    if (!isAllowedByAcl(server, this.#servers)) {
      return new MatrixError(403, 'M_FORBIDDEN', "Users of the user's server cannot be invited from here");
    }
    return this.#client.isPaused(server)
      ? unreachable(new OutboundError('circuit', server, 0, { isNotSent: true }))
      : undefined;
  }

  async invite(
    event: NewStateEvent,
    basis: StateSnapshot<Revision>,
    context: CallContext,
  ): Promise<InviteResult> {
    throwIfAborted(context);
    const built = await this.#build(event, basis, context);
    if ('outcome' in built) return built;
    if (hasFormerKey(built, this.#signer) && built.pdu.origin_server_ts !== event.origin_server_ts) {
      await this.#discard(built);
      return { outcome: 'stale', wasAsked: false };
    }
    checkBuilt(built, event, this.#signer);
    const exchange = this.#exchangeOf(built);
    if (built.pdu.origin_server_ts !== event.origin_server_ts) exchange.mayHaveArrived = true;
    const signatories = {
      server: this.#remoteServer(event.state_key),
      policy: await this.#activePolicyServer(basis, context),
    };
    // The graph may have ignored the signal: nobody is asked for a request that has been answered.
    throwIfAborted(context);
    try {
      await unlessAborted(exchange.complete(built, signatories), context.signal, tooLate);
    } catch (error) {
      return this.#failed(built, exchange, error);
    }
    return this.#append(built, exchange, basis, context);
  }

  async abandon(event: NewStateEvent, context: CallContext): Promise<void> {
    for await (const invite of this.#unfinished(0, context)) {
      if (isSameCall(stateEventOf(invite.pdu), event)) await this.#giveUp(invite);
    }
  }

  async *unfinished(context: CallContext): AsyncGenerator<{ readonly event: NewStateEvent }> {
    for await (const invite of this.#unfinished(this.timeoutMs, context)) {
      const event = stateEventOf(invite.pdu);
      const isTooOld = Date.now() - event.origin_server_ts >= MAX_AGE_MS;
      if (isTooOld || hasFormerKey(invite, this.#signer)) {
        await this.#giveUp(invite);
        continue;
      }
      const exchange = this.#exchangeOf(invite);
      if (exchange.isUnderWay) continue;
      exchange.mayHaveArrived = true;
      yield { event };
    }
  }

  /** Returns the server of a user, unless it is this one. */
  #remoteServer(userId: string): string | undefined {
    const server = domainOf(userId);
    return server === this.#signer.serverName ? undefined : server;
  }

  /** Returns the policy server that a room names. */
  #policyServerIn({ events }: StateSnapshot<Revision>): PolicyServer | undefined {
    const policy = this.#policyServers ? policyServerIn(events) : undefined;
    return policy?.serverName === this.#signer.serverName ? undefined : policy;
  }

  /** Returns the policy server that a room names, if it takes part in the room. */
  async #activePolicyServer(
    basis: StateSnapshot<Revision>,
    context: CallContext,
  ): Promise<PolicyServer | undefined> {
    const policy = this.#policyServerIn(basis);
    if (policy === undefined) return undefined;
    const takesPart = await this.#rooms.hasJoinedMember(basis.roomId, policy.serverName, context);
    return takesPart ? policy : undefined;
  }

  /** Returns the built invite, or the result if there is none. */
  async #build(
    event: NewStateEvent,
    basis: StateSnapshot<Revision>,
    context: CallContext,
  ): Promise<BuiltInvite | InviteResult> {
    try {
      const result = await this.#rooms.build(event, basis, context);
      switch (result.outcome) {
        case 'built':
          return isTooLarge(result.invite) ? this.#tooLarge(result.invite) : result.invite;
        case 'stale':
          return { outcome: 'stale', wasAsked: false };
        case 'notFederated':
          return { outcome: 'refused', error: notOpen(), wasAsked: false };
      }
    } catch (error) {
      if (!isMatrixError(error)) throw error;
      return { outcome: 'refused', error, wasAsked: false };
    }
  }

  async #tooLarge(invite: BuiltInvite): Promise<InviteResult> {
    await this.#discard(invite);
    const error = new MatrixError(
      413,
      'M_TOO_LARGE',
      'The event is too large for the signatures of other servers',
    );
    return { outcome: 'refused', error, wasAsked: false };
  }

  #exchangeOf(invite: BuiltInvite): Exchange {
    const known = this.#exchanges.get(invite.eventId);
    if (known !== undefined) return known;
    const exchange = new Exchange(this.#client, this.#requestsMs);
    this.#exchanges.set(invite.eventId, exchange, MAX_AGE_MS);
    return exchange;
  }

  async #append(
    invite: BuiltInvite,
    exchange: Exchange,
    basis: StateSnapshot<Revision>,
    context: CallContext,
  ): Promise<InviteResult> {
    const { wasAsked, remoteStatus } = exchange;
    if (exchange.isAbandoned) return { outcome: 'stale', wasAsked, remoteStatus };
    const result = await this.#rooms.append(invite, exchange.signed(invite), basis, context);
    if (result.outcome === 'appended') this.#exchanges.delete(invite.eventId);
    if (result.outcome === 'refused') await this.#giveUpAfterAnswer(invite);
    return { ...result, wasAsked, remoteStatus };
  }

  /**
   * Returns the result for an invite that lacks a signature. The invite is abandoned, unless the invitee's server may have
   * it: then an equal call, or `resume`, continues with the same event.
   *
   * @throws (rejects) if it is not abandoned
   */
  async #failed(invite: BuiltInvite, exchange: Exchange, failure: unknown): Promise<InviteResult> {
    if (!(failure instanceof InviteFailure)) throw errorOf(failure, exchange);
    const { kind, error } = failure;
    const { wasAsked, remoteStatus } = exchange;
    if (kind === 'unknown' || (kind === 'notSent' && exchange.mayHaveArrived)) throw error;
    await this.#giveUpAfterAnswer(invite);
    return { outcome: 'refused', error, wasAsked, remoteStatus };
  }

  /** @throws {MatrixError} (rejects) 503 if the graph fails */
  async #giveUpAfterAnswer(invite: BuiltInvite): Promise<void> {
    try {
      await this.#giveUp(invite);
    } catch (cause) {
      throw failedAfterAnswer(cause);
    }
  }

  async #giveUp(invite: BuiltInvite): Promise<void> {
    const exchange = this.#exchanges.get(invite.eventId);
    if (exchange !== undefined) exchange.isAbandoned = true;
    this.#exchanges.delete(invite.eventId);
    await this.#discard(invite);
  }

  async #discard(invite: BuiltInvite): Promise<void> {
    await this.#rooms.discard?.(invite, contextWithTimeout(DISCARD_TIMEOUT_MS));
  }

  /** Returns the graph's unfinished invites, each once, even while they are being completed or abandoned. */
  async *#unfinished(olderThanMs: number, context: CallContext): AsyncGenerator<BuiltInvite> {
    const seen = new Set<string>();
    for (;;) {
      const limit = Math.max(PAGE_SIZE, 2 * seen.size);
      const page = await this.#rooms.unfinished?.({ olderThanMs, limit }, context);
      const unseen = page?.filter(({ eventId }) => !seen.has(eventId)) ?? [];
      if (unseen.length === 0) return;
      for (const invite of unseen) {
        seen.add(invite.eventId);
        yield invite;
      }
    }
  }
}

function isTooLarge({ pdu }: BuiltInvite): boolean {
  return Buffer.byteLength(lenientCanonicalJson(pdu) ?? '') > MAX_PDU_BYTES - SIGNATURE_BYTES;
}

function notOpen(): MatrixError {
  return new MatrixError(403, 'M_FORBIDDEN', 'This room is not open to other servers');
}

function tooLate(): MatrixError {
  return new MatrixError(504, 'M_UNKNOWN', 'The other server did not respond in time');
}

/** Returns the error for a failure of the signer or the key store, or for the end of the time. */
function errorOf(failure: unknown, { wasAsked }: Exchange): unknown {
  if (isMatrixError(failure) || failure instanceof TypeError) return failure;
  if (wasAsked) return failedAfterAnswer(failure);
  return isStorageUnavailable(failure) ? failure : notSigned(failure);
}

/** Ends the request: after a StorageUnavailableError, each further try would ask the other server again. */
function failedAfterAnswer(cause: unknown): MatrixError {
  return new MatrixError(503, 'M_UNKNOWN', 'The server cannot process this request right now', {
    retryAfterMs: RETRY_AFTER_MS,
    cause,
  });
}

/** The signer or the key store failed, which are often other services. */
function notSigned(cause: unknown): StorageUnavailableError {
  return new StorageUnavailableError('The request to another server could not be signed or checked', {
    cause,
    isNotStored: true,
  });
}

/** @throws {StorageUnavailableError} */
function throwIfAborted(context: CallContext): void {
  if (!isAborted(context)) return;
  throw new StorageUnavailableError('The time for the invite is over', { isNotStored: true });
}
