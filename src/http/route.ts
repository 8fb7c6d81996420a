import type { IncomingMessage, ServerResponse } from 'node:http';
import { type RequestHandler, Router } from 'express';
import { MatrixError } from '../errors.ts';
import { handleRejection } from '../internal/unawaited.ts';
import type { Logger } from '../ports/logger.ts';
import { type Exchange, type ResponseOptions, respond, respondToPreflight } from './response.ts';

/** A handler like Express's routers, in Node's own types so that it works with every version of Express. */
export type MatrixRouter = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** A path, and the work that handles it. */
export type Route<Result> = {
  /** The path, with `:roomId` for the room ID, if it has one. */
  readonly path: string;
  readonly methods: readonly ('GET' | 'POST' | 'PUT')[];
  readonly responseOptions: ResponseOptions<Result>;
  /**
   * Handles a request.
   *
   * @param roomId the room ID from the path, percent-decoded; empty if the path has none
   */
  work(exchange: Exchange, roomId: string): Promise<Result>;
};

type RoutedRequest = IncomingMessage & {
  params?: { readonly roomId: string | undefined };
  /** The whole path, as the client sent it. */
  readonly originalUrl?: unknown;
  /** The part of the path that matched the mount point. */
  readonly baseUrl?: unknown;
};

/** The part of an Express router's layer that is used here. The types of Express do not describe it. */
type Layer = { readonly handle: MatrixRouter };

/**
 * Creates a router for one method of one path, and its preflights. Everything else is passed on to the host. It matches
 * paths like Express's `Router({ caseSensitive: true, strict: true })`, which would cost 6 % of a request in memory.
 *
 * A request that matches goes through the layer of a real Express route: instrumentations such as OpenTelemetry's
 * replace a layer's handler to learn the route, and hosts label metrics by `request.route`. The function is named and
 * has a `stack` like Express's routers, so that tools that list the routes of an app find this one.
 */
export function createRoute<Result>(route: Route<Result>): MatrixRouter {
  const pattern = patternOf(route.path);
  const { stack, layer } = expressLayerOf(route.path, handlerOf(route));

  function router(request: RoutedRequest, response: ServerResponse, next: (error?: unknown) => void): void {
    const url = encodedUrlOf(request);
    const match = pattern.exec(url);
    if (match === null) {
      next();
      return;
    }
    request.url = url;
    // Where Express stores them.
    request.params = { roomId: decoded(match[1] ?? '') };
    layer.handle(request, response, (error) => passOn(error, next, route.responseOptions.logger));
  }
  return Object.assign(router, { stack });
}

function expressLayerOf(path: string, handle: MatrixRouter): { stack: unknown; layer: Layer } {
  const router = Router({ caseSensitive: true, strict: true });
  router.route(path).all(handle as unknown as RequestHandler);
  const [layer] = router.stack as unknown as readonly [Layer];
  return { stack: router.stack, layer };
}

/**
 * Passes an error on to the host. If the host's own `next` fails too, nothing awaits it, and an unhandled rejection would
 * end the process.
 */
function passOn(error: unknown, next: (error?: unknown) => unknown, logger: Logger): void {
  const report = (err: unknown) => logger.error({ err }, 'next failed');
  try {
    handleRejection(next(error), report);
  } catch (err) {
    report(err);
  }
}

/** Returns undefined for broken percent-encoding. */
function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** Returns the handler of the requests that match. */
function handlerOf<Result>({ methods, responseOptions, work }: Route<Result>): MatrixRouter {
  const accepted: ReadonlySet<string | undefined> = new Set([
    ...methods,
    ...(methods.includes('GET') ? ['HEAD'] : []),
  ]);
  return (request: RoutedRequest, response, next) => {
    // If responding itself fails, the host gets the error, as with any router: an unhandled rejection would end the
    // process.
    const respondWith = (run: (exchange: Exchange) => Promise<Result>) =>
      respond(responseOptions, request, response, run).catch(next);
    const roomId = request.params?.roomId;
    if (roomId === undefined)
      void respondWith(() => Promise.reject(new URIError('The path cannot be decoded')));
    else if (request.method === 'OPTIONS') {
      respondToPreflight(request, response, responseOptions.cors, responseOptions.bodyTimeoutMs);
    } else if (accepted.has(request.method)) {
      void respondWith((exchange) => work(exchange, roomId));
    } else {
      void respondWith(async () => {
        response.setHeader('Allow', `OPTIONS, ${methods.join(', ')}`);
        throw new MatrixError(405, 'M_UNRECOGNIZED', `This path only accepts ${methods.join(' and ')}`);
      });
    }
  };
}

/** Returns a pattern for URLs with this path, including absolute URLs, as in requests to proxies. */
function patternOf(path: string): RegExp {
  return new RegExp(
    `^(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?${path.replace(':roomId', '([^/?#]+)')}(?:[?#]|$)`,
  );
}

/**
 * Returns the path and query below the mount point, percent-encoded as the client sent them. `@fastify/express` gives
 * middlewares a decoded `url`, which would then be decoded twice: `%2541` would become `A`. A URL that the host rewrote
 * in any other way is left alone.
 */
function encodedUrlOf({ url = '', originalUrl, baseUrl = '' }: RoutedRequest): string {
  if (typeof originalUrl !== 'string' || typeof baseUrl !== 'string' || originalUrl === baseUrl + url)
    return url;
  const encoded = endOf(originalUrl, slashesIn(pathOf(url)));
  return isDecoded(url, encoded) ? encoded : url;
}

/**
 * Returns the end of a URL, with this many slashes in its path. `baseUrl` cannot find it: the mount path may be
 * encoded too (`%763` for `v3`), or have extra slashes. Encoded slashes stay encoded in both.
 */
function endOf(url: string, slashes: number): string {
  let start = pathOf(url).length;
  for (let left = slashes; left > 0 && start > 0; left -= 1) start = url.lastIndexOf('/', start - 1);
  return url.slice(Math.max(0, start));
}

function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end === -1 ? url : url.slice(0, end);
}

function slashesIn(path: string): number {
  return path.split('/').length - 1;
}

function isDecoded(url: string, encoded: string): boolean {
  try {
    return decodeURI(encoded) === url;
  } catch {
    return false;
  }
}
