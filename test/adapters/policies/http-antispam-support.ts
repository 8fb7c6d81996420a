import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { InviteRouterOptions } from 'express-matrix-invite';
import { type HttpAntispamOptions, httpAntispam } from 'express-matrix-invite/policies/http-antispam';
import { onTestFinished } from 'vitest';
import { BOB, invitesOf } from '../../http/support.ts';
import { appWith, sendInvite } from './support.ts';

/** The behavior of a moderation service, once it has received a complete request. */
export type Reaction = (response: ServerResponse, request: ServiceRequest) => void;

type ServiceRequest = {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
};

export type Service = {
  readonly baseUrl: string;
  readonly port: number;
  readonly requests: readonly ServiceRequest[];
  /** Returns the number of connections to it. */
  readonly connections: () => number;
  /** Resolves when the connection of a request is closed before the response is complete. */
  readonly disconnected: Promise<void>;
  readonly close: () => Promise<void>;
};

async function closed(server: Server): Promise<void> {
  if (!server.listening) return;
  const done = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await done;
}

/** Starts a real HTTP server in the role of a moderation service. */
export async function serviceThat(reaction: Reaction): Promise<Service> {
  const requests: ServiceRequest[] = [];
  let connections = 0;
  let onDisconnected = () => {};
  const disconnected = new Promise<void>((resolve) => {
    onDisconnected = resolve;
  });
  const server = createServer((request, response) => {
    response.on('close', () => {
      if (!response.writableFinished) onDisconnected();
    });
    void text(request).then((sent) => {
      const { method, url: path, headers } = request;
      const received = { method, path, headers, body: JSON.parse(sent) };
      requests.push(received);
      reaction(response, received);
    });
  }).listen(0, '127.0.0.1');
  server.on('connection', () => {
    connections += 1;
  });
  onTestFinished(() => closed(server));
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/api/1/spam_check`,
    port,
    requests,
    connections: () => connections,
    disconnected,
    close: () => closed(server),
  };
}

/** Responds with a status and a body: a string, or JSON. */
export const responds =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body));
  };

/** Creates an app whose invites are checked by the service. */
export const appWithService = (
  { baseUrl }: Pick<Service, 'baseUrl'>,
  options: Partial<HttpAntispamOptions> = {},
  router: Partial<InviteRouterOptions> = {},
) => appWith(httpAntispam({ baseUrl, ...options }), router);

/**
 * Lets Alice invite Bob, checked by a service. Returns the response, and the number of invites that the room
 * then has.
 */
export async function inviteThrough(
  reaction: Reaction,
  options: Partial<HttpAntispamOptions> = {},
  router: Partial<InviteRouterOptions> = {},
) {
  const service = await serviceThat(reaction);
  const host = await appWithService(service, options, router);
  const response = await sendInvite(host);
  return { service, host, response, invited: await invitesOf(host.store, BOB) };
}
