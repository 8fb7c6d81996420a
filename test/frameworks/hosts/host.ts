import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

/** Middleware as Express, Connect and Nest accept it, to run in front of the routes of a host app. */
export type Middleware = (
  request: IncomingMessage & { body?: unknown },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** A host app without routes of its own, as a request listener. Middleware runs in the order in which it is added. */
export type Host = RequestListener & {
  use(middleware: Middleware): Host;
  use(path: string, middleware: Middleware): Host;
};

/** The frameworks that the tests of `test/http` run with. */
export type HostName = 'express' | 'fastify' | 'fastify hook' | 'nest' | 'koa' | 'node:http' | 'node:http2';

/**
 * Creates a host app that starts with its first request, once all middleware has been added.
 *
 * @param use adds middleware, with its path if it has one
 * @param start resolves with the listener
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
