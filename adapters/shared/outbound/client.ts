import type { ClientRequest, IncomingMessage } from 'node:http';
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
import { OutboundError } from './error.ts';
import { parseJson } from './json.ts';
import type { OutboundOptions } from './options.ts';
import { resolve } from './resolve.ts';

/** The time until a connection is ready for a request, in milliseconds. */
const CONNECT_TIMEOUT_MS = 5_000;

/** The time for which a connection without a request stays open, in milliseconds. */
const KEEP_ALIVE_MS = 30_000;

const MAX_HEADER_BYTES = 16_384;

/** The number of requests under way, in all and to one server. */
const MAX_REQUESTS = 64;
const MAX_REQUESTS_PER_SERVER = 4;

/**
 * The time in milliseconds that a server must have had for an answer, so that its absence counts as a fault. The caller's
 * own deadline may leave it less.
 */
const FAIR_WAIT_MS = 1_000;

/** A request to another server. */
export type OutboundRequest = {
  /** Default `GET`, or `POST` with a body. */
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: JsonObject;
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
  /** The body, or undefined if it is not JSON. */
  readonly json: JsonValue | undefined;
  /** The header `Retry-After`. */
  readonly retryAfter: string | undefined;
  /** Returns the error for an answer that is not what the protocol says. */
  unusable(detail: string): OutboundError;
};

/** What the agent needs to know about a request to make a connection for it. */
type ConnectOptions = RequestOptions & { readonly attempt: Attempt };

/**
 * Sends HTTPS requests to servers that clients and other servers name: each address is checked before a packet goes
 * there, answers have a maximum size and a maximum time, and no redirect is followed.
 */
export class OutboundClient {
  readonly #agent: GuardedAgent;
  readonly #circuits = new Circuits();
  /** The requests under way, by server. */
  readonly #underWay = new Map<string, number>();
  #total = 0;

  constructor(options: OutboundOptions) {
    this.#agent = new GuardedAgent(options);
  }

  /**
   * Sends a request and reads the complete answer.
   *
   * @param url an `https:` URL
   * @throws {OutboundError} (rejects) if there is no complete answer
   */
  async send(url: URL, outbound: OutboundRequest): Promise<OutboundAnswer> {
    const attempt = new Attempt(url.host, outbound.signal);
    const { server } = attempt;
    if (outbound.signal.aborted) throw attempt.error('timeout');
    const underWay = this.#underWay.get(server) ?? 0;
    if (this.#total >= MAX_REQUESTS || underWay >= MAX_REQUESTS_PER_SERVER) throw attempt.error('busy');
    if (!this.#circuits.admit(server)) throw attempt.error('circuit');
    this.#total += 1;
    this.#underWay.set(server, underWay + 1);
    try {
      return await this.#exchange(url, outbound, attempt);
    } finally {
      this.#total -= 1;
      const left = (this.#underWay.get(server) ?? 1) - 1;
      if (left === 0) this.#underWay.delete(server);
      else this.#underWay.set(server, left);
    }
  }

  async #exchange(url: URL, outbound: OutboundRequest, attempt: Attempt): Promise<OutboundAnswer> {
    const { server } = attempt;
    const incoming = await this.#begin(url, outbound, attempt).catch((error: unknown) => {
      const failure = attempt.error('network', error);
      if (isFault(failure)) this.#circuits.reportFault(server);
      throw failure;
    });
    this.#circuits.reportAnswer(server);
    const tooLarge = () => attempt.error('answer');
    try {
      if (Number(incoming.headers['content-length']) > outbound.maxBytes) throw tooLarge();
      const bytes = await readBounded({ body: incoming }, outbound.maxBytes, tooLarge);
      return {
        server,
        status: incoming.statusCode ?? 0,
        json: parseJson(bytes),
        retryAfter: incoming.headers['retry-after'],
        unusable: (detail) => new OutboundError('answer', server, attempt.ms, detail),
      };
    } catch (error) {
      incoming.destroy();
      throw attempt.error('network', error);
    }
  }

  /** Sends the request. Resolves when the headers of the answer are there. */
  async #begin(url: URL, outbound: OutboundRequest, attempt: Attempt): Promise<IncomingMessage> {
    const body = outbound.body === undefined ? undefined : Buffer.from(JSON.stringify(outbound.body));
    const hostname = withoutBrackets(url.hostname);
    const options: ConnectOptions = {
      agent: this.#agent,
      attempt,
      method: outbound.method ?? (body === undefined ? 'GET' : 'POST'),
      host: hostname,
      port: url.port === '' ? 443 : Number(url.port),
      path: url.pathname + url.search,
      // No SNI for an IP address (RFC 6066, section 3).
      servername: isIP(hostname) === 0 ? hostname : '',
      headers: {
        Host: url.host,
        Accept: 'application/json',
        'Accept-Encoding': 'identity',
        ...(body !== undefined && { 'Content-Type': 'application/json', 'Content-Length': body.length }),
        ...outbound.headers,
      },
      maxHeaderSize: MAX_HEADER_BYTES,
      signal: attempt.signal,
    };
    const outgoing = request(options);
    outgoing.end(body);
    try {
      return await responseTo(outgoing);
    } catch (error) {
      const isStale = outgoing.reusedSocket && (error as { readonly code?: unknown }).code === 'ECONNRESET';
      if (isStale && outbound.isRepeatable && !attempt.signal.aborted)
        return this.#begin(url, outbound, attempt);
      throw isTooLargeHeader(error) ? attempt.error('answer', error) : error;
    }
  }
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
class GuardedAgent extends Agent {
  readonly #guard: AddressGuard;
  readonly #dnsServers: readonly string[] | undefined;
  readonly #secureContext: SecureContext;

  constructor({ allowAddresses = [], tls, dns }: OutboundOptions) {
    super({ keepAlive: true, timeout: KEEP_ALIVE_MS });
    this.#guard = new AddressGuard(allowAddresses);
    this.#dnsServers = dns?.servers;
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
    const { attempt } = options as ConnectOptions;
    withDeadline(CONNECT_TIMEOUT_MS, attempt, (signal) =>
      this.#connect(options as ConnectOptions, signal),
    ).then(
      (socket) => callback(null, socket),
      // Node's type wants a stream even so.
      (error) => (callback as (error: Error) => void)(error),
    );
  }

  async #connect(
    { attempt, host, port, servername }: ConnectOptions,
    signal: AbortSignal,
  ): Promise<TLSSocket> {
    const addresses = await this.#addressesOf(String(host), attempt, signal);
    const options = {
      port: Number(port),
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
  return failure === 'timeout' ? ms >= FAIR_WAIT_MS : failure !== 'address' && failure !== 'answer';
}
