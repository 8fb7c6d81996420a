import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, ServerHttp2Stream } from 'node:http2';
import { hasBegun } from './has-begun.ts';

/** The default maximum time for a body to arrive, in milliseconds. */
export const DEFAULT_BODY_TIMEOUT_MS = 10_000;

/** Returns the stream of a request over HTTP/2, in Node's compatibility API. */
function streamOf(request: IncomingMessage): ServerHttp2Stream | undefined {
  return (request as Partial<Pick<Http2ServerRequest, 'stream'>>).stream;
}

/** Returns true over HTTP/2, where `Connection` and headers like it must not be sent (RFC 9113, section 8.2.2). */
export function isHttp2(request: IncomingMessage): boolean {
  return request.httpVersionMajor >= 2;
}

/**
 * Asks for the body if the client waits for that (`Expect: 100-continue`) and nobody else has. Node itself asks before
 * the host app sees the request, unless the app listens to `checkContinue`.
 */
export function askForBody(request: IncomingMessage, response: ServerResponse): void {
  // The host may have begun to respond: the line would end up in its body.
  if (hasBegun(response)) return;
  if (request.headers.expect?.toLowerCase() !== '100-continue') return;
  const { server } = request.socket as { readonly server?: EventEmitter };
  if (server === undefined || server.listenerCount('checkContinue') === 0) return;
  const { _sent100: isSent } = response as { readonly _sent100?: boolean };
  const informational = streamOf(request)?.sentInfoHeaders ?? [];
  if (isSent !== true && informational.length === 0) response.writeContinue();
}

/** Returns true if all bytes of the body are buffered. */
export function isAllBuffered(request: IncomingMessage): boolean {
  return (
    request.headers['content-length'] === String(request.readableLength) && request.readableEncoding === null
  );
}

/**
 * Limits how long the server reads the rest of a body that the response did not wait for: discards it, and closes the
 * connection (in HTTP/2, the stream) once `timeoutMs` is over. To close it at once could make a client that is still
 * sending lose the response (RFC 9112, section 9.6). Call this once the response has been sent.
 */
export function limitUnreadBody(request: IncomingMessage, timeoutMs: number = DEFAULT_BODY_TIMEOUT_MS): void {
  // Undefined in requests that a serverless platform or a test made up.
  if (request.complete !== false || request.destroyed) return;
  // In HTTP/2 the client must still end the stream.
  const hasArrived = isAllBuffered(request) && !isHttp2(request);
  request.resume();
  if (hasArrived) return;
  const stream = streamOf(request);
  const close = () => (stream === undefined ? request.socket.destroy() : stream.close());
  const timer = setTimeout(close, timeoutMs).unref();
  request.once('close', () => clearTimeout(timer));
}
