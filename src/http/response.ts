import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { MatrixError } from '../errors.ts';
import { RequestLog } from '../invite/request-log.ts';
import type { Logger } from '../ports/logger.ts';
import type { InviteTrace } from '../ports/outcome.ts';
import type { JsonObject } from '../rooms/event.ts';
import { type ErrorResponse, errorResponse, MAX_RETRY_AFTER_MS } from './error-response.ts';
import { hasBegun } from './has-begun.ts';
import { limitUnreadBody } from './transport.ts';

/** Details collected about a request, for logs and metrics. */
type RequestTrace = InviteTrace & {
  requestId?: string | undefined;
  requesterId?: string | undefined;
  roomId?: string | undefined;
};

/** A request and its response: the parameter of every HTTP step. */
export type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly trace: RequestTrace;
  readonly log: RequestLog;
  /**
   * Whether all bytes of the body have been read. Node notices its end only after it has delivered the last of them, so
   * `request.complete` may still be false.
   */
  isBodyRead: boolean;
};

/** The end of an exchange. */
type ExchangeEnd<Result> = {
  readonly result?: Result | undefined;
  readonly error?: MatrixError | undefined;
  /** Milliseconds from the router's first line to the response. */
  readonly durationMs: number;
};

/** Options for {@link respond}. */
export type ResponseOptions<Result> = {
  /** The name of the request in its log line, such as `an invite`. */
  readonly what: string;
  readonly logger: Logger;
  readonly cors: boolean;
  /** The maximum time for the rest of a body to arrive that the response did not wait for, in milliseconds. */
  readonly bodyTimeoutMs: number;
  requestId(request: IncomingMessage): unknown;
  /** Returns the body of a 200. */
  bodyOf(result: Result): JsonObject;
  /** Returns the additional details for the log line of a 200. */
  detailsOf(result: Result): object;
  /** Called right after the response. */
  readonly onEnd?: ((exchange: Exchange, end: ExchangeEnd<Result>) => unknown) | undefined;
};

/** Responds to one request, whatever happens in `work`. Then writes its log line and notifies the host. */
export async function respond<Result>(
  options: ResponseOptions<Result>,
  request: IncomingMessage,
  response: ServerResponse,
  work: (exchange: Exchange) => Promise<Result>,
): Promise<void> {
  // The host has already responded and still called next(): leave its response alone.
  if (hasBegun(response)) return;
  const startedAt = performance.now();
  const trace: RequestTrace = { tries: 0 };
  const log = new RequestLog(options.logger);
  const exchange: Exchange = { request, response, trace, log, isBodyRead: false };
  setCommonHeaders(response, options.cors);
  let result: Result | undefined;
  let error: MatrixError | undefined;
  try {
    const requestId = loggableId(options.requestId(request));
    if (requestId !== undefined) trace.requestId = requestId;
    result = await work(exchange);
    if (!hasBegun(response)) {
      sendJson(response, 200, JSON.stringify(options.bodyOf(result)));
      if (!exchange.isBodyRead) limitUnreadBody(request, options.bodyTimeoutMs);
    }
  } catch (thrown) {
    const sent = errorResponse(thrown);
    error = sent.error;
    if (!hasBegun(response)) {
      sendError(response, sent);
      if (!exchange.isBodyRead) limitUnreadBody(request, options.bodyTimeoutMs);
    }
  }
  const durationMs = performance.now() - startedAt;
  const details = () => ({ ...trace, ...(result && options.detailsOf(result)), durationMs });
  log.end(options.what, details, error);
  if (options.onEnd === undefined) return;
  try {
    await options.onEnd(exchange, { result, error, durationMs });
  } catch (err) {
    log.error({ err }, 'onOutcome failed');
  }
}

/** Returns a request ID in a form that fits a log line, or undefined for any other value. */
function loggableId(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, 200) : undefined;
}

/**
 * Sets the headers of every response, errors included.
 *
 * @param cors whether to send the CORS headers
 * @see https://spec.matrix.org/v1.18/client-server-api/#web-browser-clients
 */
export function setCommonHeaders(response: ServerResponse, cors: boolean): void {
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  if (!cors) return;
  response.setHeader('Access-Control-Allow-Origin', '*');
  response.setHeader('Access-Control-Allow-Methods', 'GET, POST, PUT, DELETE, OPTIONS');
  response.setHeader('Access-Control-Allow-Headers', 'X-Requested-With, Content-Type, Authorization');
  // Otherwise the browser hides the header from the page that has to wait.
  response.setHeader('Access-Control-Expose-Headers', 'Retry-After');
}

/** Responds to a CORS preflight, unless the host already has. */
export function respondToPreflight(
  request: IncomingMessage,
  response: ServerResponse,
  cors: boolean,
  bodyTimeoutMs?: number,
): void {
  if (hasBegun(response)) return;
  setCommonHeaders(response, cors);
  response.statusCode = 204;
  response.end();
  limitUnreadBody(request, bodyTimeoutMs);
}

/** Sends an error, with `Retry-After` (whole seconds, at least 1) if it says when to retry. */
export function sendError(response: ServerResponse, { error, body }: ErrorResponse): void {
  if (error.retryAfterMs !== undefined && error.retryAfterMs <= MAX_RETRY_AFTER_MS) {
    response.setHeader('Retry-After', Math.max(1, Math.ceil(error.retryAfterMs / 1000)));
  }
  sendJson(response, error.status, body);
}

/** Uses only Node's own methods: Fastify and others pass plain Node responses. */
function sendJson(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json');
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(body);
}
