import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

/** What a host takes to be in front of its routes: a middleware as Express, Connect and Nest know it. */
export type Middleware = (
  request: IncomingMessage & { body?: unknown },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** A host without routes of its own, as the listener of a server. Middlewares run in the order in which they come. */
export type Host = RequestListener & {
  use(middleware: Middleware): Host;
  use(path: string, middleware: Middleware): Host;
};

/** The frameworks with which the tests of `test/http` run. */
export type HostName = 'express' | 'fastify' | 'fastify hook' | 'nest' | 'koa' | 'node:http';

/**
 * A host that starts with its first request: by then all middlewares are there.
 *
 * @param use takes a middleware, with its path where it has one
 * @param start resolves the listener
 */
export function lazyHost(
  use: (...args: [Middleware] | [string, Middleware]) => unknown,
  start: () => Promise<RequestListener>,
): Host {
  let started: Promise<RequestListener> | undefined;
  const host = (request: IncomingMessage, response: ServerResponse): void => {
    started ??= start();
    void started.then((listener) => listener(request, response));
  };
  return Object.assign(host, {
    use(...args: [Middleware] | [string, Middleware]): Host {
      use(...args);
      return host as Host;
    },
  });
}
