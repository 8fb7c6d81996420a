import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import type { JsonObject, JsonValue } from 'express-matrix-invite';
import type { Credentials } from '../private-ca.ts';
import { SigningKey } from './keys.ts';
import { MailSink } from './mail-sink.ts';
import { IdentityStore, type PendingInvite } from './store.ts';

/** A request that has arrived. */
export type IdentityRequest = {
  readonly method: string;
  /** The path after `/_matrix/identity/v2/`, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: JsonObject;
};

/** A response: its status and its JSON. */
export type IdentityResponse = readonly [status: number, body: JsonValue];

export type IdentityServerOptions = {
  /** The certificate of its address or name. */
  readonly credentials: Credentials;
  /** The address to listen on. Default `127.0.0.2`. */
  readonly host?: string;
  /** The name in its URLs and signatures. Default: the address. */
  readonly name?: string;
  /** Finds the federation API of the homeserver of a user, for onbind. Default: there is none. */
  readonly homeserverOf?: (userId: string) => URL | undefined;
};

const PREFIX = '/_matrix/identity/v2';

class Refusal extends Error {
  readonly response: IdentityResponse;

  constructor(status: number, errcode: string, fields: JsonObject = {}) {
    super(errcode);
    this.response = [status, { errcode, error: 'A text of the identity server', ...fields }];
  }
}

/**
 * An identity server (Identity Service API v2) with real keys, which sends its emails to a real SMTP server.
 *
 * @see https://spec.matrix.org/v1.18/identity-service-api/
 */
export class IdentityServer {
  readonly requests: IdentityRequest[] = [];
  readonly mail: MailSink;
  readonly store = new IdentityStore();
  /** The method of its onbind requests: the specification's, or sydent's. */
  onbindMethod: 'PUT' | 'POST' = 'PUT';
  /** Answers a request in place of the server. Default: nothing is answered in its place. */
  intercept: (
    request: IdentityRequest,
    response: ServerResponse,
  ) => IdentityResponse | 'handled' | undefined = () => undefined;
  /** Called for each connection, once its TLS handshake is complete. */
  onConnection: (socket: TLSSocket) => void = () => {};
  readonly #server: Server;
  readonly #options: IdentityServerOptions;

  private constructor(server: Server, mail: MailSink, options: IdentityServerOptions) {
    this.#server = server;
    this.mail = mail;
    this.#options = options;
    server.on('secureConnection', (socket) => this.onConnection(socket));
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void this.#serve(request, response);
    });
  }

  static async start(options: IdentityServerOptions): Promise<IdentityServer> {
    const server = createServer(options.credentials);
    server.listen(0, options.host ?? '127.0.0.2');
    await once(server, 'listening');
    return new IdentityServer(server, await MailSink.start(), options);
  }

  /** Its server name, with the port: the `id_server` of clients. */
  get name(): string {
    const { address, port, family } = this.#server.address() as AddressInfo;
    return `${this.#options.name ?? (family === 'IPv6' ? `[${address}]` : address)}:${port}`;
  }

  /** Registers a user who has accepted the terms. Returns an access token. */
  register(userId: string): string {
    return this.store.register(userId);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await Promise.all([once(this.#server, 'close'), this.mail.close()]);
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', 'https://identity.invalid');
    const sent = await text(incoming);
    const request: IdentityRequest = {
      method: incoming.method ?? '',
      path: url.pathname.slice(`${PREFIX}/`.length),
      query: url.searchParams,
      headers: incoming.headers,
      body: sent === '' ? {} : JSON.parse(sent),
    };
    this.requests.push(request);
    const result = this.intercept(request, response) ?? (await this.#answer(request));
    if (result === 'handled') return;
    const [status, body] = result;
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  }

  async #answer(request: IdentityRequest): Promise<IdentityResponse> {
    try {
      return [200, await this.#route(request)];
    } catch (error) {
      if (error instanceof Refusal) return error.response;
      throw error;
    }
  }

  async #route(request: IdentityRequest): Promise<JsonValue> {
    const { method, path, query } = request;
    const parameters = { ...Object.fromEntries(query), ...request.body };
    const parameter = (name: string): string => {
      const value = parameters[name];
      if (typeof value !== 'string') throw new Refusal(400, 'M_MISSING_PARAMS');
      return value;
    };
    switch (`${method} ${path}`) {
      case 'GET ':
        return {};
      case 'GET terms':
        return { policies: this.store.policies };
      case 'GET pubkey/isvalid':
        return { valid: parameter('public_key') === this.store.key.publicKey };
      case 'GET pubkey/ephemeral/isvalid':
        return { valid: this.store.ephemeralKeys.has(parameter('public_key')) };
      case `GET pubkey/${this.store.key.id}`:
      case `GET pubkey/${encodeURIComponent(this.store.key.id)}`:
        return { public_key: this.store.key.publicKey };
    }
    if (method === 'GET' && path.startsWith('pubkey/')) throw new Refusal(404, 'M_NOT_FOUND');

    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const userId = this.store.tokens.get(token);
    if (userId === undefined) throw new Refusal(401, 'M_UNAUTHORIZED');
    switch (`${method} ${path}`) {
      case 'GET account':
        return { user_id: userId };
      case 'POST account/logout':
        this.store.tokens.delete(token);
        return {};
      case 'POST terms':
        this.store.accept(userId, request.body.user_accepts);
        return {};
    }
    if (!this.store.hasAccepted(userId)) throw new Refusal(403, 'M_TERMS_NOT_SIGNED');
    switch (`${method} ${path}`) {
      case 'GET hash_details':
        return { lookup_pepper: this.store.pepper, algorithms: [...this.store.algorithms] };
      case 'POST lookup':
        return this.#lookup(request.body);
      case 'POST store-invite':
        return this.#storeInvite(parameter);
      case 'POST sign-ed25519':
        return this.#signFor(parameter);
      case 'POST validate/email/requestToken':
        return this.#requestToken(parameter);
      case 'POST validate/email/submitToken':
        return this.#submitToken(parameter);
      case 'POST 3pid/bind':
        return await this.#bind(parameter);
    }
    throw new Refusal(404, 'M_UNRECOGNIZED');
  }

  #lookup({ algorithm, pepper, addresses }: JsonObject): JsonValue {
    if (pepper !== this.store.pepper) throw new Refusal(400, 'M_INVALID_PEPPER');
    if (typeof algorithm !== 'string' || !this.store.algorithms.has(algorithm) || !Array.isArray(addresses)) {
      throw new Refusal(400, 'M_INVALID_PARAM');
    }
    return { mappings: this.store.lookUp(algorithm, addresses) };
  }

  async #storeInvite(parameter: (name: string) => string): Promise<JsonValue> {
    const [medium, address, room_id, sender] = ['medium', 'address', 'room_id', 'sender'].map(parameter) as [
      string,
      string,
      string,
      string,
    ];
    if (medium !== 'email') throw new Refusal(400, 'M_UNRECOGNIZED');
    if (!/^[^@\s<>]+@[^@\s<>]+$/.test(address)) throw new Refusal(400, 'M_INVALID_EMAIL');
    const mxid = this.store.bindings.get(`${address} ${medium}`);
    if (mxid !== undefined) throw new Refusal(400, 'M_THREEPID_IN_USE', { mxid });
    const ephemeral = new SigningKey('ed25519:1', 'base64url');
    const token = randomBytes(64).toString('base64url');
    this.store.ephemeralKeys.set(ephemeral.publicKey, ephemeral);
    this.store.invites.push({ medium, address, room_id, sender, token });
    await this.mail.send(address, 'You are invited', `${sender} invites you. Token: ${token}`);
    const keyUrl = `https://${this.name}${PREFIX}/pubkey`;
    return {
      token,
      display_name: address.replace(/^(.)[^@]*@(.).*$/s, '$1...@$2...'),
      public_keys: [
        { public_key: this.store.key.publicKey, key_validity_url: `${keyUrl}/isvalid` },
        { public_key: ephemeral.publicKey, key_validity_url: `${keyUrl}/ephemeral/isvalid` },
      ],
    };
  }

  #signFor(parameter: (name: string) => string): JsonValue {
    const [mxid, token, seed] = ['mxid', 'token', 'private_key'].map(parameter);
    const invite = this.store.invites.find((each) => each.token === token);
    const key = [...this.store.ephemeralKeys.values()].find((each) => each.seed === seed);
    if (invite === undefined || key === undefined || mxid === undefined) {
      throw new Refusal(404, 'M_UNRECOGNIZED');
    }
    const signed = key.signed(this.name, { mxid, sender: invite.sender, token: invite.token });
    return signed as unknown as JsonObject;
  }

  async #requestToken(parameter: (name: string) => string): Promise<JsonValue> {
    const [secret, email] = [parameter('client_secret'), parameter('email')];
    const [sid, token] = [randomUUID(), randomUUID()];
    this.store.sessions.set(sid, { secret, email, token, isValidated: false });
    await this.mail.send(email, 'Confirm your address', `Token: ${token}`);
    return { sid };
  }

  #submitToken(parameter: (name: string) => string): JsonValue {
    const session = this.store.sessionOf(parameter('sid'), parameter('client_secret'));
    if (session === undefined) throw new Refusal(404, 'M_NO_VALID_SESSION');
    session.isValidated ||= session.token === parameter('token');
    return { success: session.isValidated };
  }

  async #bind(parameter: (name: string) => string): Promise<JsonValue> {
    const session = this.store.sessionOf(parameter('sid'), parameter('client_secret'));
    if (session === undefined) throw new Refusal(404, 'M_NO_VALID_SESSION');
    if (!session.isValidated) throw new Refusal(400, 'M_SESSION_NOT_VALIDATED');
    const mxid = parameter('mxid');
    await this.bind('email', session.email, mxid);
    const ts = Date.now();
    const association = {
      medium: 'email',
      address: session.email,
      mxid,
      ts,
      not_before: ts,
      not_after: ts + 3.15e12,
    };
    return this.store.key.signed(this.name, association) as unknown as JsonObject;
  }

  /** Binds an address to a user, and tells the user's homeserver about the invites that wait for it. */
  async bind(medium: string, address: string, mxid: string): Promise<void> {
    this.store.bindings.set(`${address} ${medium}`, mxid);
    const waiting = this.store.invites.filter((each) => each.medium === medium && each.address === address);
    const homeserver = this.#options.homeserverOf?.(mxid);
    if (waiting.length === 0 || homeserver === undefined) return;
    const invites = waiting.map((invite) => this.#inviteFor(mxid, invite));
    const response = await fetch(new URL('/_matrix/federation/v1/3pid/onbind', homeserver), {
      method: this.onbindMethod,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ medium, address, mxid, invites }),
    });
    if (response.ok) this.store.forget(waiting);
  }

  #inviteFor(mxid: string, { medium, address, room_id, sender, token }: PendingInvite): object {
    const signed = this.store.key.signed(this.name, { mxid, token });
    return { medium, address, mxid, room_id, sender, signed };
  }
}
