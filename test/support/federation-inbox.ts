import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { PrivateCa } from '../../examples/invite-by-email/private-ca.ts';
import { readXMatrix } from '../../src/http/x-matrix.ts';
import {
  eventIdOf,
  hasValidContentHash,
  isPdu,
  type JsonObject,
  type JsonValue,
  type Pdu,
  type Signer,
  signingKey,
  signJson,
  signPdu,
  verifyJson,
  verifyPdu,
} from '../../src/pdu/index.ts';
import { fieldOf, isJsonObject } from '../../src/rooms/content.ts';
import { DnsStub } from './dns-stub.ts';

const context = { signal: new AbortController().signal };

/** Returns a signer with a new key. */
export function newSigner(serverName: string, keyId: `ed25519:${string}` = 'ed25519:1'): Signer {
  return signingKey(keyId, serverName, generateKeyPairSync('ed25519').privateKey);
}

/** A network in which every name under `.test` leads to 127.0.0.2, with an authority for the certificates. */
export class TestNetwork {
  readonly ca: PrivateCa;
  readonly dns: DnsStub;

  private constructor(ca: PrivateCa, dns: DnsStub) {
    this.ca = ca;
    this.dns = dns;
    dns.answer = (name) => (name.endsWith('.test') ? ['127.0.0.2'] : 'NXDOMAIN');
  }

  static async start(): Promise<TestNetwork> {
    return new TestNetwork(await PrivateCa.create(), await DnsStub.start());
  }

  /** The options by which an adapter reaches the servers of the network. */
  get options() {
    return {
      allowAddresses: ['127.0.0.0/8'],
      tls: { ca: this.ca.certificate },
      dns: { servers: [this.dns.address] },
    };
  }

  close(): Promise<void> {
    return this.dns.close();
  }
}

/** An invite that has arrived. */
export type ReceivedInvite = {
  readonly api: 'v1' | 'v2';
  /** The request target, as it was sent. */
  readonly target: string;
  readonly roomVersion: string;
  readonly eventId: string;
  readonly event: Pdu;
  readonly inviteRoomState: JsonValue | undefined;
};

/** A response: a status and a body, JSON or not, or one that never comes. */
export type InboxAnswer =
  | {
      readonly status: number;
      readonly body: JsonValue | string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | 'silence'
  | 'hang-up'
  | 'endless';

/** Answers an invite. It may call `accept`, which signs and stores the invite and returns the good answer. */
export type Respond = (
  invite: ReceivedInvite,
  accept: () => Promise<InboxAnswer>,
) => InboxAnswer | Promise<InboxAnswer>;

/** Answers the request to sign an event as the policy server. */
export type SignAsPolicyServer = (event: Pdu) => InboxAnswer | Promise<InboxAnswer>;

/**
 * A homeserver of the tests, as far as an invite needs one, over TLS. It publishes its keys, checks the requests that it
 * gets, and takes invites.
 */
export class FederationInbox {
  /** How it answers. Default: accepts every invite. */
  respond: Respond = (_invite, accept) => accept();
  /** How it signs as a policy server. Default: it is none. */
  sign: SignAsPolicyServer = () => ({ status: 404, body: { errcode: 'M_NOT_FOUND', error: 'Not here' } });
  /** Its key, which `keys` publishes. */
  signer: Signer;
  /** What it publishes. Default: the key of `signer`. */
  keys: () => Promise<JsonObject>;
  /** The invites of every request with a valid signature, in order. */
  readonly received: ReceivedInvite[] = [];
  /** The accepted invites, by event ID. */
  readonly invites = new Map<string, ReceivedInvite>();
  /** The events that it was asked to sign as a policy server. */
  readonly toSign: Pdu[] = [];
  /** The number of connections, even those without a request. */
  connections = 0;
  /** The targets of all requests. */
  readonly targets: string[] = [];
  readonly #server: Server;
  readonly #origin: Signer;

  private constructor(server: Server, name: string, origin: Signer) {
    this.#server = server;
    this.#origin = origin;
    this.signer = newSigner(name.includes(':') ? `${name.split(':')[0]}:${this.port}` : name);
    this.keys = () => this.#ownKeys();
    server.on('request', (request, response) => {
      this.#serve(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    server.on('connection', () => {
      this.connections += 1;
    });
    server.on('tlsClientError', () => {});
  }

  /**
   * @param name the server name: with the port `:0`, it gets the port of the server, and without one it needs `wellKnownPort`
   * @param origin the only server whose invites it takes
   */
  static async start(network: TestNetwork, name: string, origin: Signer): Promise<FederationInbox> {
    const hostname = name.replace(/:.*/, '');
    const server = createServer(await network.ca.issue(`DNS:${hostname}`));
    server.listen(0, '127.0.0.2');
    await once(server, 'listening');
    return new FederationInbox(server, name, origin);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get name(): string {
    return this.signer.serverName;
  }

  /** Returns how many requests were about a user. */
  asked(userId: string): number {
    return this.received.filter(({ event }) => event.state_key === userId).length;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** Signs and stores an invite. */
  async accept(invite: ReceivedInvite, signer = this.signer): Promise<InboxAnswer> {
    this.invites.set(invite.eventId, invite);
    const event = await signPdu(invite.event, invite.roomVersion, signer, context);
    return { status: 200, body: answerOf(invite, event) };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url: target = '' } = request;
    const body = await text(request);
    this.targets.push(target);
    if (target === '/.well-known/matrix/server') {
      return send(response, { status: 200, body: { 'm.server': `${this.name}:${this.port}` } });
    }
    if (target === '/_matrix/key/v2/server') return send(response, { status: 200, body: await this.keys() });
    const content: JsonValue = JSON.parse(body);
    if (!isJsonObject(content) || !this.#isSigned(request, content)) {
      return send(response, { status: 401, body: { errcode: 'M_UNAUTHORIZED', error: 'Not signed' } });
    }
    if (target === '/_matrix/policy/v1/sign') {
      this.toSign.push(content as Pdu);
      return send(response, await this.sign(content as Pdu));
    }
    const invite = inviteIn(target, content);
    if (invite === undefined || !this.#isValid(invite)) {
      return send(response, { status: 400, body: { errcode: 'M_INVALID_PARAM', error: 'No invite' } });
    }
    this.received.push(invite);
    send(response, await this.respond(invite, () => this.accept(invite)));
  }

  /** Checks the request's signature by the origin. */
  #isSigned({ method = '', url = '', rawHeaders }: IncomingMessage, content: JsonObject): boolean {
    const [header] = readXMatrix(rawHeaders) ?? [];
    const { serverName, keyId, publicKey } = this.#origin;
    if (header?.origin !== serverName || header.destination !== this.name) return false;
    const signatures = { [serverName]: { [header.key]: header.sig } };
    const signed = { method, uri: url, origin: serverName, destination: this.name, content, signatures };
    return verifyJson(signed, serverName, new Map([[keyId, publicKey]])) === 'valid';
  }

  /** Checks the event as a server must before it signs. */
  #isValid({ event, eventId, roomVersion, target }: ReceivedInvite): boolean {
    const { serverName, keyId, publicKey } = this.#origin;
    return (
      isPdu(event, roomVersion) &&
      eventIdOf(event, roomVersion) === eventId &&
      hasValidContentHash(event, roomVersion) &&
      verifyPdu(event, roomVersion, serverName, new Map([[keyId, publicKey]])) === 'valid' &&
      target.includes(encodeURIComponent(event.room_id ?? ''))
    );
  }

  #ownKeys(): Promise<JsonObject> {
    const { serverName, keyId, publicKey } = this.signer;
    const keys = {
      server_name: serverName,
      valid_until_ts: Date.now() + 86_400_000,
      verify_keys: { [keyId]: { key: publicKey } },
      old_verify_keys: {},
    };
    return signJson(keys, this.signer, context);
  }
}

/** Returns the body of a good answer. */
export function answerOf({ api }: ReceivedInvite, event: JsonObject): JsonValue {
  return api === 'v1' ? [200, { event }] : { event };
}

function inviteIn(target: string, content: JsonObject): ReceivedInvite | undefined {
  const [, api, eventId] = /^\/_matrix\/federation\/(v1|v2)\/invite\/[^/]+\/([^/]+)$/.exec(target) ?? [];
  if ((api !== 'v1' && api !== 'v2') || eventId === undefined) return undefined;
  const parts = { api, target, eventId: decodeURIComponent(eventId) } as const;
  if (api === 'v2') {
    const { room_version: roomVersion, event, invite_room_state: inviteRoomState } = content;
    return { ...parts, roomVersion: String(roomVersion), event: event as Pdu, inviteRoomState };
  }
  const { unsigned, ...event } = content;
  const inviteRoomState = fieldOf(unsigned, 'invite_room_state');
  const create = Array.isArray(inviteRoomState)
    ? inviteRoomState.find((each) => fieldOf(each, 'type') === 'm.room.create')
    : undefined;
  const roomVersion = String(fieldOf(fieldOf(create, 'content'), 'room_version') ?? '1');
  return { ...parts, roomVersion, event: event as Pdu, inviteRoomState };
}

function send(response: ServerResponse, answer: InboxAnswer): void {
  if (answer === 'silence') return;
  if (answer === 'hang-up') {
    response.destroy();
    return;
  }
  if (answer === 'endless') {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    const more = () => {
      while (response.writable && response.write(' '.repeat(65_536)));
    };
    response.on('drain', more);
    more();
    return;
  }
  const { status, body, headers } = answer;
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}
