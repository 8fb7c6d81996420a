// The invited user's server: the part of a homeserver that invites need. A real one is Synapse, for example.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import express from 'express';
import { createServerKeyRouter, type Signer } from 'express-matrix-invite/federation';
import {
  eventIdOf,
  hasValidContentHash,
  isPdu,
  type JsonObject,
  type Pdu,
  parseJson,
  signPdu,
  verifyJson,
  verifyPdu,
} from 'express-matrix-invite/pdu';
import type { Network } from './network.ts';

/** An invite that the server has accepted. */
export type Received = { readonly event: Pdu; readonly roomState: readonly Pdu[] };

/** A response: its status and its JSON. */
type Answer = readonly [status: number, body: object];

const SIGN_TIMEOUT_MS = 5_000;

const refused = (status: number, errcode: string, error: string): Answer => [status, { errcode, error }];

export class OtherServer {
  /** The accepted invites, by event ID. */
  readonly invites = new Map<string, Received>();
  /** The users who do not accept invites. */
  readonly blocking = new Set<string>();
  /** The number of requests with an invite. */
  requests = 0;
  readonly #signer: Signer;
  readonly #network: Network;
  readonly #portOf: () => number;
  readonly #server: Server;

  private constructor(server: Server, signer: Signer, network: Network, portOf: () => number) {
    this.#server = server;
    this.#signer = signer;
    this.#network = network;
    this.#portOf = portOf;
    const app = express();
    app.use(createServerKeyRouter({ signer }));
    app.get('/.well-known/matrix/server', (_request, response) => {
      response.json({ 'm.server': `${signer.serverName}:${this.port}` });
    });
    app.put('/_matrix/federation/v2/invite/:roomId/:eventId', async (incoming, response) => {
      this.requests += 1;
      const [status, body] = await this.#answer(incoming, incoming.params.eventId);
      response.status(status).json(body);
    });
    server.on('request', app);
  }

  /** @param portOf returns the port of the inviter's server, to get its keys. It replaces server discovery. */
  static async start(signer: Signer, network: Network, portOf: () => number): Promise<OtherServer> {
    const server = new OtherServer(createServer(network.credentials), signer, network, portOf);
    await server.listen(0);
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** Checks an invite as the specification requires, then signs and stores it. */
  async #answer(incoming: IncomingMessage, eventId: string): Promise<Answer> {
    const content = parseJson(await text(incoming));
    const origin = /origin="([^"]+)"/.exec(incoming.headers.authorization ?? '')?.[1];
    if (!isObject(content) || origin === undefined) return refused(400, 'M_BAD_JSON', 'No invite');
    const keys = await this.#keysOf(origin);
    if (!this.#isAuthentic(incoming, content, origin, keys)) {
      return refused(401, 'M_UNAUTHORIZED', 'The request is not signed');
    }
    const { room_version: roomVersion, event, invite_room_state: roomState } = content;
    if (
      typeof roomVersion !== 'string' ||
      event === undefined ||
      !isPdu(event, roomVersion) ||
      !Array.isArray(roomState)
    ) {
      return refused(400, 'M_INVALID_PARAM', 'The event is not a PDU');
    }
    if (!this.#isInviteBy(origin, event) || eventIdOf(event, roomVersion) !== eventId) {
      return refused(400, 'M_INVALID_PARAM', 'The event is not the invite that the request announces');
    }
    const isGood =
      verifyPdu(event, roomVersion, origin, keys) === 'valid' && hasValidContentHash(event, roomVersion);
    if (!isGood) return refused(403, 'M_FORBIDDEN', 'The event is not signed');
    if (this.blocking.has(event.state_key ?? '')) {
      return refused(403, 'M_INVITE_BLOCKED', `${event.state_key} does not accept invites`);
    }
    const signed = await signPdu(event, roomVersion, this.#signer, {
      signal: AbortSignal.timeout(SIGN_TIMEOUT_MS),
    });
    this.invites.set(eventId, {
      event: signed,
      roomState: roomState.filter((each) => isPdu(each, roomVersion)),
    });
    return [200, { event: signed }];
  }

  /** Returns true if a user of the origin invites a user of this server. */
  #isInviteBy(origin: string, { type, sender, state_key: invitee = '', content }: Pdu): boolean {
    return (
      type === 'm.room.member' &&
      content.membership === 'invite' &&
      sender.endsWith(`:${origin}`) &&
      invitee.endsWith(`:${this.#signer.serverName}`)
    );
  }

  /** Returns true if the origin has signed the request for this server. */
  #isAuthentic(
    { method = '', url = '', headers }: IncomingMessage,
    content: JsonObject,
    origin: string,
    keys: ReadonlyMap<string, string>,
  ): boolean {
    const [, keyId = '', signature = ''] =
      /key="([^"]+)",sig="([^"]+)"/.exec(headers.authorization ?? '') ?? [];
    const signatures = { [origin]: { [keyId]: signature } };
    const signed = { method, uri: url, origin, destination: this.#signer.serverName, content, signatures };
    return verifyJson(signed, origin, keys) === 'valid';
  }

  /** Gets the keys of another server. */
  async #keysOf(serverName: string): Promise<ReadonlyMap<string, string>> {
    const outgoing = request({
      ...{ host: '127.0.0.1', port: this.#portOf(), servername: serverName },
      ...{ path: '/_matrix/key/v2/server', ca: this.#network.credentials.cert, agent: false },
    });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    const { verify_keys } = JSON.parse(await text(response)) as {
      verify_keys: Record<string, { key: string }>;
    };
    return new Map(Object.entries(verify_keys).map(([id, { key }]) => [id, key]));
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
