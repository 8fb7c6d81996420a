import { writeXMatrix } from '../../../src/http/x-matrix.ts';
import { unlessAborted } from '../../../src/internal/waits.ts';
import { lenientCanonicalJson } from '../../../src/pdu/canonical-json.ts';
import { PduError } from '../../../src/pdu/pdu.ts';
import { signatureOf } from '../../../src/pdu/sign.ts';
import type { PublicKeys } from '../../../src/pdu/verify.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { Signer } from '../../../src/ports/signer.ts';
import type { JsonObject } from '../../../src/rooms/event.ts';
import {
  GuardedAgent,
  type OutboundAnswer,
  OutboundClient,
  type OutboundTarget,
} from '../../shared/outbound/client.ts';
import { withDeadline } from '../../shared/outbound/deadline.ts';
import { OutboundError } from '../../shared/outbound/error.ts';
import { Discovery } from '../discovery/discovery.ts';
import { KeyRing, type KeyUse } from '../keys/key-ring.ts';
import { MemoryServerKeyStore } from '../keys/memory-store.ts';
import type { FederationNetworkOptions } from './options.ts';

/** A request to another server. */
export type FederationRequest = {
  readonly method: 'GET' | 'PUT' | 'POST';
  /** The path and the query, from `/_matrix/` on, percent-encoded. It is signed and sent as it is. */
  readonly path: string;
  /** The body. Required for `PUT` and `POST`. Numbers of `parseJson` are sent as they were read. */
  readonly body?: JsonObject | undefined;
  /** The maximum size of the response's body, in bytes. */
  readonly maxBytes: number;
  /** The maximum time until the complete response, in milliseconds, including server discovery. */
  readonly timeoutMs: number;
};

/**
 * Sends signed requests to other servers, and finds their keys.
 *
 * It connects to no private, local or otherwise special IP address that `allowAddresses` does not list, and follows only the
 * redirects of `/.well-known/matrix/server`. At most 64 requests run at once, and 4 to one server. After three network faults
 * in a row, no requests are sent to a server for 30 seconds.
 */
export class FederationClient {
  readonly #signer: Signer;
  readonly #client: OutboundClient;
  readonly #discovery: Discovery;
  readonly #keys: KeyRing;

  /** @param options checked options */
  constructor(options: FederationNetworkOptions & { readonly signer: Signer }) {
    const { signer, keyStore = new MemoryServerKeyStore(), notaries = [] } = options;
    this.#signer = signer;
    const agent = new GuardedAgent(options);
    this.#client = new OutboundClient(options, agent);
    // Requests to servers wait for those for well-known documents, so both have limits and circuits of their own. Many
    // server names may lead to one host there.
    const { maxRequests } = options;
    const wellKnownLimits = { maxRequests, maxRequestsPerServer: maxRequests ?? 64 };
    this.#discovery = new Discovery(options, new OutboundClient(wellKnownLimits, agent));
    this.#keys = new KeyRing(
      keyStore,
      (destination, { path, ...request }, signal) =>
        this.#client.send(this.#target(destination, path), { ...request, isRepeatable: true, signal }),
      notaries,
    );
  }

  /**
   * Sends a request on behalf of the signer's server, and reads the complete response, whatever its status. The server may
   * get the request twice if it closes an idle connection at that moment.
   *
   * @param destination a server name
   * @throws {OutboundError} (rejects) if there is no complete response
   * @throws (rejects) the signer's error
   * @see https://spec.matrix.org/v1.18/server-server-api/#request-authentication
   */
  request(
    destination: string,
    { timeoutMs, ...request }: FederationRequest,
    context: CallContext,
  ): Promise<OutboundAnswer> {
    return withDeadline(timeoutMs, context, (signal) => this.#send(destination, request, signal));
  }

  /**
   * Returns the public keys of a server that are valid for a use: the signer's for this server, and the published ones for
   * another server. Unknown keys are fetched.
   *
   * @param keyIds the IDs of the wanted keys: those that have signed
   * @throws {OutboundError} (rejects) if none of the wanted keys is known, and the server cannot be asked
   * @throws (rejects) the key store's error
   */
  async keysOf(
    serverName: string,
    keyIds: readonly string[],
    use: KeyUse,
    context: CallContext,
  ): Promise<PublicKeys> {
    const { keyId, publicKey } = this.#signer;
    if (serverName === this.#signer.serverName) {
      return new Map(keyIds.includes(keyId) ? [[keyId, publicKey]] : []);
    }
    return this.#keys.keysOf(serverName, keyIds, use, context);
  }

  /** Returns true if the last requests to a server failed, so that another one would not even be sent now. */
  isPaused(serverName: string): boolean {
    return this.#client.isPaused(serverName);
  }

  async #send(
    destination: string,
    { method, path, body, maxBytes }: Omit<FederationRequest, 'timeoutMs'>,
    signal: AbortSignal,
  ): Promise<OutboundAnswer> {
    const { serverName: origin, keyId: key } = this.#signer;
    const content: JsonObject = body === undefined ? {} : { content: body };
    const signed = lenientCanonicalJson({ method, uri: path, origin, destination, ...content });
    const text = body === undefined ? undefined : lenientCanonicalJson(body);
    if (signed === undefined) {
      throw new PduError({ reason: 'malformed', message: 'the body of a request has no canonical JSON' });
    }
    const sig = await unlessAborted(
      signatureOf(Buffer.from(signed), this.#signer, { signal }),
      signal,
      () => new OutboundError('timeout', destination, 0),
    );
    return this.#client.send(this.#target(destination, path), {
      method,
      headers: { Authorization: writeXMatrix({ origin, destination, key, sig }) },
      body: text,
      maxBytes,
      isRepeatable: true,
      signal,
    });
  }

  #target(server: string, path: string): OutboundTarget {
    return { server, path, locate: (signal) => this.#discovery.resolveServer(server, signal) };
  }
}
