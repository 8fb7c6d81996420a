import type { AddressInvite } from '../../src/ports/third-party.ts';
import type { JsonObject } from '../../src/rooms/event.ts';
import type { OutboundAnswer, OutboundClient } from '../shared/outbound/client.ts';

const MAX_BYTES = 65_536;

/** The identity service API of one server, for one user and one call. */
export class IdentityApi {
  readonly #client: OutboundClient;
  readonly #invite: AddressInvite;
  readonly #signal: AbortSignal;

  constructor(client: OutboundClient, invite: AddressInvite, signal: AbortSignal) {
    this.#client = client;
    this.#invite = invite;
    this.#signal = signal;
  }

  get(path: string): Promise<OutboundAnswer> {
    return this.#send(path, { isRepeatable: true });
  }

  /** @param isRepeatable false if the server must not get the request twice */
  post(path: string, body: JsonObject, isRepeatable: boolean): Promise<OutboundAnswer> {
    return this.#send(path, { body, isRepeatable });
  }

  #send(path: string, request: { body?: JsonObject; isRepeatable: boolean }): Promise<OutboundAnswer> {
    const { idServer, idAccessToken } = this.#invite;
    return this.#client.send(new URL(`https://${idServer}/_matrix/identity/v2/${path}`), {
      ...request,
      headers: { Authorization: `Bearer ${idAccessToken}` },
      maxBytes: MAX_BYTES,
      signal: this.#signal,
    });
  }
}
