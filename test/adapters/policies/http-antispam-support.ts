import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { InviteRouterOptions } from 'express-matrix-invite';
import { type HttpAntispamOptions, httpAntispam } from 'express-matrix-invite/policies/http-antispam';
import { afterEach } from 'vitest';
import { BOB, invitesOf } from '../../http/support.ts';
import { appWith, ask } from './support.ts';

/** What a moderation service does with a request, once it has all of it. */
export type Reaction = (response: ServerResponse, asked: Asked) => void;

type Asked = {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
};

export type Service = {
  readonly baseUrl: string;
  readonly port: number;
  readonly asked: readonly Asked[];
  /** How many connections were made to it. */
  readonly connections: () => number;
  /** Resolves when a request's connection is closed before its answer was over. */
  readonly letGo: Promise<void>;
  readonly close: () => Promise<void>;
};

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await closed(server);
});

async function closed(server: Server): Promise<void> {
  if (!server.listening) return;
  const done = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await done;
}

/** A real HTTP server that plays a moderation service. */
export async function serviceThat(reaction: Reaction): Promise<Service> {
  const asked: Asked[] = [];
  let connections = 0;
  let tellLetGo = () => {};
  const letGo = new Promise<void>((resolve) => {
    tellLetGo = resolve;
  });
  const server = createServer((request, response) => {
    response.on('close', () => {
      if (!response.writableFinished) tellLetGo();
    });
    void text(request).then((sent) => {
      const { method, url: path, headers } = request;
      const one = { method, path, headers, body: JSON.parse(sent) };
      asked.push(one);
      reaction(response, one);
    });
  }).listen(0, '127.0.0.1');
  server.on('connection', () => {
    connections += 1;
  });
  servers.push(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/api/1/spam_check`,
    port,
    asked,
    connections: () => connections,
    letGo,
    close: () => closed(server),
  };
}

/** Answers with a status and a body, text or JSON. */
export const answers =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body));
  };

/** An app whose invites are checked by the service. */
export const appAsking = (
  { baseUrl }: Pick<Service, 'baseUrl'>,
  options: Partial<HttpAntispamOptions> = {},
  router: Partial<InviteRouterOptions> = {},
) => appWith(httpAntispam({ baseUrl, ...options }), router);

/** Has Alice invite Bob, by what a service does: the answer, and how many invites the room has then. */
export async function inviteBy(
  reaction: Reaction,
  options: Partial<HttpAntispamOptions> = {},
  router: Partial<InviteRouterOptions> = {},
) {
  const service = await serviceThat(reaction);
  const host = await appAsking(service, options, router);
  const answer = await ask(host);
  return { service, host, answer, invited: await invitesOf(host.store, BOB) };
}
