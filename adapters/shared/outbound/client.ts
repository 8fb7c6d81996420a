import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext, rootCertificates, type SecureContext, type TLSSocket } from 'node:tls';
import { readBounded } from '../../../src/internal/read-bounded.ts';
import type { JsonObject, JsonValue } from '../../../src/rooms/event.ts';
import { AddressGuard } from './address-guard.ts';
import { Attempt } from './attempt.ts';
import { Circuits } from './circuits.ts';
import { connectToFirst, secured } from './connect.ts';
import { withDeadline } from './deadline.ts';
import { OutboundError, type OutboundFailure } from './error.ts';
import { parseJson } from './json.ts';
import type { OutboundOptions } from './options.ts';
import { resolve } from './resolve.ts';

/** The time for which a connection without a request stays open, in milliseconds. */
const KEEP_ALIVE_MS = 30_000;

const MAX_HEADER_BYTES = 16_384;

/** The number of endpoints of one server that are tried. */
const MAX_ENDPOINTS = 4;

/**
 * The time in milliseconds that a server must have had for an answer, so that its absence counts as a fault. The caller's
 * own deadline may leave it less.
 */
const FAIR_WAIT_MS = 1_000;

/** The failures that a server is to blame for. */
const FAULTS: ReadonlySet<OutboundFailure> = new Set(['dns', 'connect', 'tls', 'network']);

/** A server, and a path there. */
export type OutboundTarget = {
  /** The name of the server, for its limits, its circuit, and errors. */
  readonly server: string;
  /** The path and the query, percent-encoded. It is sent as it is. */
  readonly path: string;
  /**
   * Finds out where the server is.
   *
   * @throws {OutboundError} (rejects) if it cannot be found
   */
  locate(signal: AbortSignal): Promise<OutboundLocation>;
};

/** Where a server is, and who it must be. */
export type OutboundLocation = {
  /** Where to connect, in the order in which to try: host names, or IP addresses without brackets. */
  readonly endpoints: readonly [OutboundEndpoint, ...OutboundEndpoint[]];
  /** The host name of SNI and of the certificate, or `''` if the certificate must have the endpoint's IP address. */
  readonly servername: string;
  /** The header `Host`. */
  readonly host: string;
};

export type OutboundEndpoint = { readonly host: string; readonly port: number };

/** A request to another server. */
export type OutboundRequest = {
  /** Default `GET`, or `POST` with a body. */
  readonly method?: 'GET' | 'POST' | 'PUT' | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body. A string is JSON already, and sent as it is. */
  readonly body?: JsonObject | string | undefined;
  /** The maximum size of the answer's body, in bytes. */
  readonly maxBytes: number;
  /**
   * True if the server may get the request twice. It is then sent again if the connection was an idle one that the
   * server has just closed.
   */
  readonly isRepeatable: boolean;
  /** Aborted when the time for the complete answer is over. */
  readonly signal: AbortSignal;
};

/** The answer of another server, whatever its status. */
export type OutboundAnswer = {
  readonly server: string;
  readonly status: number;
  /** The body as it came. */
  readonly body: Buffer;
  /** The body, or undefined if it is not JSON. */
  readonly json: JsonValue | undefined;
  readonly headers: IncomingHttpHeaders;
  /** Returns the error for an answer that is not what the protocol says. */
  unusable(detail: string): OutboundError;
};

/** What the agent needs to know about a request to make a connection for it. */
type ConnectOptions = RequestOptions & {
  readonly attempt: Attempt;
  readonly endpoints: readonly OutboundEndpoint[];
};

/** The limits of a client. */
export type OutboundLimits = {
  /** The number of requests under way, in all. Default 64. */
  readonly maxRequests?: number | undefined;
  /** The number of requests under way to one server. Default 4. */
  readonly maxRequestsPerServer?: number | undefined;
  /** The time until a connection to an endpoint is ready for a request, in milliseconds. Default 5000. */
  readonly connectTimeoutMs?: number | undefined;
};

/**
 * Sends HTTPS requests to servers that clients and other servers name: each address is checked before a packet goes
 * there, answers have a maximum size and a maximum time, and no redirect is followed.
 */
export class OutboundClient {
  readonly #agent: GuardedAgent;
  readonly #circuits = new Circuits();
  readonly #maxRequests: number;
  readonly #maxRequestsPerServer: number;
  /** The requests under way, by server. */
  readonly #underWay = new Map<string, number>();
  #total = 0;

  /** @param agent default: a new one, with connections of its own */
  constructor(options: OutboundOptions & OutboundLimits, agent: GuardedAgent = new GuardedAgent(options)) {
    const { maxRequests = 64, maxRequestsPerServer = 4 } = options;
    this.#agent = agent;
    this.#maxRequests = maxRequests;
    this.#maxRequestsPerServer = maxRequestsPerServer;
  }

  /** Returns true if the last requests to a server failed, so that another one would not even be sent now. */
  isPaused(server: string): boolean {
    return this.#circuits.isOpen(server);
  }

  /**
   * Sends a request and reads the complete answer.
   *
   * @param to an `https:` URL, or a server that has to be found first
   * @throws {OutboundError} (rejects) if there is no complete answer
   */
  async send(to: URL | OutboundTarget, outbound: OutboundRequest): Promise<OutboundAnswer> {
    const target = to instanceof URL ? targetOf(to) : to;
    const attempt = new Attempt(target.server, outbound.signal);
    const { server } = attempt;
    if (outbound.signal.aborted) throw attempt.error('timeout');
    const underWay = this.#underWay.get(server) ?? 0;
    if (this.#total >= this.#maxRequests || underWay >= this.#maxRequestsPerServer) {
      throw attempt.error('busy');
    }
    if (!this.#circuits.admit(server)) throw attempt.error('circuit');
    this.#total += 1;
    this.#underWay.set(server, underWay + 1);
    try {
      return await this.#exchange(target, outbound, attempt);
    } finally {
      this.#total -= 1;
      const left = (this.#underWay.get(server) ?? 1) - 1;
      if (left === 0) this.#underWay.delete(server);
      else this.#underWay.set(server, left);
    }
  }

  async #exchange(
    target: OutboundTarget,
    outbound: OutboundRequest,
    attempt: Attempt,
  ): Promise<OutboundAnswer> {
    const { server } = attempt;
    let incoming: IncomingMessage;
    try {
      const location = await target.locate(attempt.signal);
      incoming = await this.#begin(target.path, location, outbound, attempt);
    } catch (error) {
      const failure = attempt.error('network', error);
      if (isFault(failure)) this.#circuits.reportFault(server);
      throw failure;
    }
    this.#circuits.reportAnswer(server);
    const tooLarge = () => attempt.error('answer');
    try {
      if (Number(incoming.headers['content-length']) > outbound.maxBytes) throw tooLarge();
      const body = await readBounded({ body: incoming }, outbound.maxBytes, tooLarge);
      return {
        server,
        status: incoming.statusCode ?? 0,
        body,
        json: parseJson(body),
        headers: incoming.headers,
        unusable: (detail) => new OutboundError('answer', server, attempt.ms, { detail }),
      };
    } catch (error) {
      incoming.destroy();
      throw attempt.error('network', error);
    }
  }

  /** Sends the request. Resolves when the headers of the answer are there. */
  async #begin(
    path: string,
    location: OutboundLocation,
    outbound: OutboundRequest,
    attempt: Attempt,
  ): Promise<IncomingMessage> {
    const body = outbound.body === undefined ? undefined : bytesOf(outbound.body);
    const { endpoints, servername, host } = location;
    const options: ConnectOptions = {
      agent: this.#agent,
      attempt,
      method: outbound.method ?? (body === undefined ? 'GET' : 'POST'),
      endpoints,
      // The agent finds an open connection by them.
      ...endpoints[0],
      servername,
      path,
      headers: {
        Host: host,
        Accept: 'application/json',
        'Accept-Encoding': 'identity',
        ...(body !== undefined && { 'Content-Type': 'application/json', 'Content-Length': body.length }),
        ...outbound.headers,
      },
      maxHeaderSize: MAX_HEADER_BYTES,
      signal: attempt.signal,
    };
    const outgoing = request(options);
    outgoing.once('socket', () => attempt.markSent());
    outgoing.end(body);
    try {
      return await responseTo(outgoing);
    } catch (error) {
      const isStale = outgoing.reusedSocket && (error as { readonly code?: unknown }).code === 'ECONNRESET';
      if (isStale && outbound.isRepeatable && !attempt.signal.aborted)
        return this.#begin(path, location, outbound, attempt);
      throw isTooLargeHeader(error) ? attempt.error('answer', error) : error;
    }
  }
}

function targetOf(url: URL): OutboundTarget {
  const host = withoutBrackets(url.hostname);
  const location: OutboundLocation = {
    endpoints: [{ host, port: url.port === '' ? 443 : Number(url.port) }],
    // No SNI for an IP address (RFC 6066, section 3).
    servername: isIP(host) === 0 ? host : '',
    host: url.host,
  };
  return { server: url.host, path: url.pathname + url.search, locate: () => Promise.resolve(location) };
}

function bytesOf(body: JsonObject | string): Buffer {
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

function responseTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve);
    // Not once: there may be another error when the answer is aborted.
    outgoing.on('error', reject);
    // After a 101, Node closes the connection without an error.
    outgoing.once('close', () => reject(new Error('The connection was closed')));
  });
}

/** Connects only to addresses that the guard admits, and keeps connections for the next request. */
export class GuardedAgent extends Agent {
  readonly #guard: AddressGuard;
  readonly #dnsServers: readonly string[] | undefined;
  readonly #secureContext: SecureContext;
  readonly #connectTimeoutMs: number;

  constructor({ allowAddresses = [], tls, dns, connectTimeoutMs = 5_000 }: OutboundOptions & OutboundLimits) {
    super({ keepAlive: true, timeout: KEEP_ALIVE_MS });
    this.#guard = new AddressGuard(allowAddresses);
    this.#dnsServers = dns?.servers;
    this.#connectTimeoutMs = connectTimeoutMs;
    const ca = [tls?.ca ?? []].flat();
    // Made once, because reading Node's own certificates takes milliseconds.
    this.#secureContext = createSecureContext({
      minVersion: 'TLSv1.2',
      ...(ca.length > 0 && { ca: [...rootCertificates, ...ca.map((each) => Buffer.from(each))] }),
    });
  }

  /** Node calls it if no open connection fits. The name, the port and the server name of TLS must be the same. */
  override createConnection(
    options: RequestOptions,
    callback: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.#connectToAny(options as ConnectOptions).then(
      (socket) => callback(null, socket),
      // Node's type wants a stream even so.
      (error) => (callback as (error: Error) => void)(error),
    );
  }

  /** Connects to the first endpoint that can be connected to. */
  async #connectToAny({ attempt, endpoints, servername = '' }: ConnectOptions): Promise<TLSSocket> {
    let failure: unknown;
    for (const endpoint of endpoints.slice(0, MAX_ENDPOINTS)) {
      try {
        return await withDeadline(this.#connectTimeoutMs, attempt, (signal) =>
          this.#connect(endpoint, servername, attempt, signal),
        );
      } catch (error) {
        failure = error;
        if (attempt.signal.aborted) break;
      }
    }
    throw failure;
  }

  async #connect(
    { host, port }: OutboundEndpoint,
    servername: string,
    attempt: Attempt,
    signal: AbortSignal,
  ): Promise<TLSSocket> {
    const addresses = await this.#addressesOf(host, attempt, signal);
    const options = {
      port,
      secureContext: this.#secureContext,
      // Without it, the certificate is checked against the IP address.
      ...(servername !== '' && { servername }),
      ALPNProtocols: ['http/1.1'],
      // Even if the environment has NODE_TLS_REJECT_UNAUTHORIZED=0.
      rejectUnauthorized: true,
    };
    const socket = await connectToFirst(addresses, options, signal).catch((error: unknown) => {
      throw attempt.error('connect', error);
    });
    return secured(socket, signal).catch((error: unknown) => {
      throw attempt.error('tls', error);
    });
  }

  async #addressesOf(name: string, attempt: Attempt, signal: AbortSignal): Promise<readonly string[]> {
    const found =
      isIP(name) === 0
        ? await resolve(name, this.#dnsServers, signal).catch((error: unknown) => {
            throw attempt.error('dns', error);
          })
        : [name];
    const admitted = found.map((each) => this.#guard.admit(each)).filter((each) => each !== undefined);
    if (admitted.length === 0) throw attempt.error('address');
    return admitted;
  }
}

function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** Node refuses headers that are too large, and then the connection breaks. */
function isTooLargeHeader(error: unknown): boolean {
  return (error as { readonly code?: unknown }).code === 'HPE_HEADER_OVERFLOW';
}

/** Returns true if a server is to blame for an error. */
function isFault({ failure, ms }: OutboundError): boolean {
  return failure === 'timeout' ? ms >= FAIR_WAIT_MS : FAULTS.has(failure);
}
