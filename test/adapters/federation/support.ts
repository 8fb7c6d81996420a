import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { FederationClient } from '../../../adapters/federation/client/federation-client.ts';
import type { FederationNetworkOptions } from '../../../adapters/federation/client/options.ts';
import { OutboundError } from '../../../adapters/shared/outbound/error.ts';
import { PrivateCa } from '../../../examples/invite-by-email/private-ca.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { Signer } from '../../../src/ports/signer.ts';
import type { JsonObject } from '../../../src/rooms/event.ts';
import { DnsStub } from '../../support/dns-stub.ts';
import { newSigner } from '../../support/federation-inbox.ts';

/** A call without a deadline of its own. */
export const context: CallContext = { signal: new AbortController().signal };

/** The authority of every certificate in a test file. Created once: each key takes a while. */
let authority: Promise<PrivateCa> | undefined;

export function ca(): Promise<PrivateCa> {
  authority ??= PrivateCa.create();
  return authority;
}

export async function dnsStub(): Promise<DnsStub> {
  const dns = await DnsStub.start();
  onTestFinished(() => dns.close());
  return dns;
}

/** A request that has arrived at a server. */
export type Received = {
  readonly method: string;
  /** The request target, as it was sent. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  /** The name of SNI, or false. */
  readonly servername: string | false;
  readonly body: string;
};

/** Answers a request by itself, or returns the JSON of a 200. */
type Respond = (
  received: Received,
  response: ServerResponse,
  request: IncomingMessage,
) => JsonObject | undefined;

/** An HTTPS server that records what it receives. */
export class RecordingServer {
  respond: Respond = () => ({});
  readonly received: Received[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => void this.#receive(request, response));
    server.on('tlsClientError', () => {});
  }

  /**
   * Starts a server whose certificate has these names, such as `DNS:a.test`. It stops after the test.
   *
   * @param port default: a free one
   */
  static async start(names: readonly string[], host = '127.0.0.2', port = 0): Promise<RecordingServer> {
    const server = createServer(await (await ca()).issue(...names));
    server.listen(port, host);
    await once(server, 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return new RecordingServer(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { servername = false } = request.socket as { readonly servername?: string | false };
    const { method = '', url: target = '', headers, rawHeaders } = request;
    const received = { method, target, headers, rawHeaders, servername, body: `${Buffer.concat(chunks)}` };
    this.received.push(received);
    const json = this.respond(received, response, request);
    if (json === undefined) return;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(json));
  }
}

/** Returns a client that trusts the test's certificates, and may connect to this machine. */
export async function clientWith(
  options: FederationNetworkOptions & { readonly signer?: Signer },
): Promise<FederationClient> {
  return new FederationClient({
    signer: newSigner('us.test'),
    allowAddresses: ['127.0.0.0/8', '::1/128'],
    tls: { ca: (await ca()).certificate },
    ...options,
  });
}

const GET = { method: 'GET', path: '/_matrix/test', maxBytes: 1_000, timeoutMs: 60_000 } as const;

/** Sends a request without a body. */
export const get = (client: FederationClient, destination: string) =>
  client.request(destination, GET, { signal: new AbortController().signal });

/** Returns why a request got no answer. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    (value) => {
      throw new Error(`It resolved: ${JSON.stringify(value)}`);
    },
    (reason: unknown) => reason,
  );
  if (!(error instanceof OutboundError)) throw error;
  return error.failure;
}
