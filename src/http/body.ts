import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import zlib from 'node:zlib';
import { MatrixError } from '../errors.ts';
import { refusalError } from '../invite/refusals.ts';
import type { Verdict } from '../openapi/validators.ts';
import { errorStatusOf } from './error-status.ts';
import { hasBegun } from './has-begun.ts';
import { askForBody, isAllBuffered, isHttp2 } from './transport.ts';

/** Options for {@link readBody}. */
export type BodyOptions = {
  /** The maximum size of a body in bytes, both as sent and decompressed. */
  readonly limitBytes: number;
  /** The maximum time for the body to arrive, in milliseconds. */
  readonly timeoutMs: number;
  /** Called with the size of the body before it is parsed, unless the host has read it. */
  readonly onSize?: (bytes: number) => void;
};

type RequestWithBody = IncomingMessage & { readonly body?: unknown };
type BodyExchange = {
  readonly request: RequestWithBody;
  readonly response: ServerResponse;
  isBodyRead: boolean;
};

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** In Node since 22.15. */
const { createZstdDecompress } = zlib as { readonly createZstdDecompress?: () => Transform };

/**
 * The decoder of each `Content-Encoding`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1
 */
const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: zlib.createGunzip,
  'x-gzip': zlib.createGunzip,
  deflate: zlib.createInflate,
  br: zlib.createBrotliDecompress,
  ...(createZstdDecompress === undefined ? {} : { zstd: createZstdDecompress }),
};

/** Sent with a 415 (RFC 9110, section 15.5.16). */
const ACCEPTED_ENCODINGS = Object.keys(DECODERS)
  .filter((encoding) => encoding !== 'x-gzip')
  .join(', ');

/** Broken compression is recognized only by its error code from zlib, Brotli or Zstandard. */
const BROKEN_COMPRESSION = /^(?:Z_|ERR__ERROR_|ZSTD_)/;

/**
 * Returns the JSON of a request's body, or a promise of it. Uses the body that the host has parsed, or else reads and
 * parses it.
 *
 * @throws {MatrixError} (or rejects) 400, 408, 413 or 415
 */
export function readBody(exchange: BodyExchange, options: BodyOptions): unknown {
  const { request } = exchange;
  if (request.aborted) throw notJson('The body could not be read');
  if (isReadByHost(request)) return parse(bodyOfHost(request));
  const sized = (body: Buffer | string) => {
    options.onSize?.(body.length);
    return parse(body);
  };
  if (isBuffered(request, options.limitBytes)) return sized(takeBuffered(exchange));
  return readStream(exchange, options).then(sized);
}

/** Checks the stream, not `request.body`: Express 4 sets that to `{}` even if nobody has read the body. */
export function isReadByHost(request: IncomingMessage): boolean {
  return !request.readable || request.readableDidRead;
}

/** Returns true if {@link readBody} need not wait for the body. */
export function isBodyHere(request: IncomingMessage, { limitBytes }: BodyOptions): boolean {
  return isReadByHost(request) || isBuffered(request, limitBytes);
}

/**
 * Returns true if the whole body is buffered and can be taken without waiting: most bodies arrive with the headers and
 * are buffered by the time login finishes. Reading it as a stream costs 9 % of a request in memory.
 */
function isBuffered(request: IncomingMessage, limitBytes: number): boolean {
  return (
    isAllBuffered(request) &&
    request.headers['content-encoding'] === undefined &&
    request.readableLength <= limitBytes &&
    request.readableFlowing !== true
  );
}

/** Reads to the end of the stream: otherwise neither `end` nor `close` is emitted, and hosts clean up on those. */
function takeBuffered(exchange: BodyExchange): Buffer | string {
  const { request } = exchange;
  const body: Buffer | null = request.read();
  request.resume();
  exchange.isBodyRead = !isHttp2(request);
  return body ?? '';
}

/**
 * Reads the stream, whatever its headers say: a body needs no `Content-Length` in HTTP/2. Responds to a body that is too
 * large without waiting for its end.
 */
function readStream(
  { request, response }: BodyExchange,
  { limitBytes, timeoutMs }: BodyOptions,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (declaredLengthOf(request) > limitBytes) throw tooLarge();
    const decoder = decoderOf(request, response);
    const decoded: Readable = decoder ?? request;
    const chunks: Buffer[] = [];
    const counts = { sent: 0, decoded: 0 };
    const isWithinLimit = (kind: keyof typeof counts, bytes: number): boolean => {
      counts[kind] += bytes;
      if (counts[kind] <= limitBytes) return true;
      end(tooLarge());
      return false;
    };
    const countSent = (chunk: Buffer | string) => isWithinLimit('sent', chunk.length);
    const keep = (chunk: Buffer | string) => {
      // A host's `setEncoding` makes strings of the chunks.
      const bytes =
        typeof chunk === 'string' ? Buffer.from(chunk, request.readableEncoding ?? 'utf8') : chunk;
      if (isWithinLimit('decoded', bytes.length)) chunks.push(bytes);
    };
    const fail = (cause?: unknown) => end(notJson('The body could not be read', cause));
    const finish = () => end();
    // The client may disconnect, and the host may destroy the request. In HTTP/2, `end` follows `aborted`.
    const close = () => {
      if (!request.readableEnded) fail();
    };
    const timer = setTimeout(() => {
      // The host may have responded in the meantime, because of its own timeout.
      if (!hasBegun(response) && !isHttp2(request)) response.setHeader('Connection', 'close');
      end(new MatrixError(408, 'M_UNKNOWN', 'The body did not arrive in time'));
    }, timeoutMs);

    function end(error?: MatrixError): void {
      clearTimeout(timer);
      decoded.off('data', keep).off('end', finish);
      request.off('data', countSent).off('error', fail).off('aborted', close).off('close', close);
      if (decoder !== undefined) {
        request.unpipe(decoder);
        // Input that is still being decoded can fail after this. Nobody needs it.
        decoder.off('error', fail).on('error', () => {});
        decoder.destroy();
        // What follows the end of the compressed data is discarded.
        request.resume();
      }
      if (error === undefined) resolve(Buffer.concat(chunks));
      else reject(error);
    }

    decoded.on('data', keep).on('end', finish);
    request.on('error', fail).on('aborted', close).on('close', close);
    if (decoder === undefined) request.resume();
    else {
      decoder.on('error', fail);
      request.on('data', countSent).pipe(decoder);
    }
    askForBody(request, response);
  });
}

/** @throws {MatrixError} 415 for an encoding that is not supported */
function decoderOf(request: IncomingMessage, response: ServerResponse): Transform | undefined {
  const encoding = String(request.headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding === '' || encoding === 'identity') return undefined;
  const create = Object.hasOwn(DECODERS, encoding) ? DECODERS[encoding] : undefined;
  if (create !== undefined) return create();
  if (!hasBegun(response)) response.setHeader('Accept-Encoding', ACCEPTED_ENCODINGS);
  throw refusalError(415, 'M_NOT_JSON', "The body's encoding is not supported");
}

/** Returns 0 if the request does not say how long its body is. */
function declaredLengthOf({ headers }: IncomingMessage): number {
  const length = headers['content-length'];
  return length === undefined ? 0 : Number(length);
}

/**
 * Returns what the host left in `request.body`. On some platforms that is a getter, which parses the body and throws if
 * it cannot.
 *
 * @throws {MatrixError} 400, 413 or 415; or the getter's error if it is not about the body
 */
function bodyOfHost(request: RequestWithBody): unknown {
  let body: unknown;
  try {
    body = request.body;
  } catch (error) {
    const status = error instanceof SyntaxError ? 400 : errorStatusOf(error, 499);
    throw status === undefined ? error : bodyError(status, 'The body is not JSON', error);
  }
  if (body === undefined || body === null) {
    throw notJson('The body was read before the router, and is not in request.body');
  }
  return body;
}

/** A host's parser may have left a string or bytes. */
function parse(body: unknown): unknown {
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return body;
  try {
    return JSON.parse(typeof body === 'string' ? body : utf8.decode(body));
  } catch {
    // The parser's own message quotes the body.
    throw notJson(body.length === 0 ? 'The body is empty' : 'The body is not JSON');
  }
}

const FORMS = ['application/x-www-form-urlencoded', 'multipart/form-data'];

/**
 * Adds to the message for a body of the wrong shape that a body parser of the host read it as something other than
 * JSON: as form fields, for example, which is what curl's `-d` says that it sends.
 */
export function explainedByContentType<T>(verdict: Verdict<T>, request: IncomingMessage): Verdict<T> {
  if (verdict.valid || verdict.errcode !== 'M_BAD_JSON') return verdict;
  const contentType = String(request.headers['content-type'] ?? '').toLowerCase();
  const form = FORMS.find((type) => contentType.startsWith(type));
  if (form === undefined) return verdict;
  const hint = `a body parser on this server read the body as ${form}: send Content-Type: application/json`;
  return { ...verdict, message: `${verdict.message} (${hint})` };
}

/** Converts an error from Express's body parsers. Returns undefined for any other error. */
export function bodyParserError(error: unknown): MatrixError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { type, code } = error as Error & { type?: unknown; code?: unknown };
  if (typeof type !== 'string' && !(typeof code === 'string' && BROKEN_COMPRESSION.test(code)))
    return undefined;
  const status = errorStatusOf(error, 499);
  if (status !== 400 && status !== 413 && status !== 415) return undefined;
  const isParsed = type === 'entity.parse.failed';
  return bodyError(status, isParsed ? 'The body is not JSON' : 'The body could not be read', error);
}

/** @param message the message for a body that is neither too large nor in an unsupported encoding */
function bodyError(status: number, message: string, cause: unknown): MatrixError {
  if (status === 413) return tooLarge(cause);
  if (status === 415) {
    return new MatrixError(415, 'M_NOT_JSON', "The body's encoding is not supported", { cause });
  }
  return notJson(message, cause);
}

function tooLarge(cause?: unknown): MatrixError {
  return refusalError(413, 'M_TOO_LARGE', 'The body is too large', { cause });
}

function notJson(message: string, cause?: unknown): MatrixError {
  return new MatrixError(400, 'M_NOT_JSON', message, { cause });
}
