import type { IncomingMessage, ServerResponse } from 'node:http';
import { MatrixError } from '../errors.ts';
import { hasBegun } from './has-begun.ts';

/** Reads a request's body into a Buffer at `request.body`: an Express body parser. */
export type BodyReader = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

type RequestWithBody = IncomingMessage & { body?: unknown };

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Broken compression is told by the code alone: those of zlib, of Brotli and of Zstandard. */
const BROKEN_COMPRESSION = /^(?:Z_|ERR__ERROR_|ZSTD_)/;

/**
 * The JSON of a request's body: what the host has parsed already, or else read and parsed here.
 *
 * @param limitBytes the most bytes of a body that is not compressed; `read` has the same limit
 * @param timeoutMs how long the body may take to arrive, in milliseconds
 * @throws {MatrixError} 400, 408, 413 or 415
 */
export async function bodyOf(
  request: RequestWithBody,
  response: ServerResponse,
  read: BodyReader,
  limitBytes: number,
  timeoutMs: number,
): Promise<unknown> {
  // Whether the stream is still there decides: Express 4 sets a body of `{}` that nobody has read.
  if (!request.readable || request.readableDidRead) return parsed(request.body);
  if (isAllThere(request, limitBytes)) return parsed(taken(request));
  await arrived(request, response, read, timeoutMs);
  return parsed(Buffer.isBuffer(request.body) ? request.body : '');
}

/**
 * Whether a body can be taken as it is, without waiting: nearly every body comes along with its head, and is there
 * once the login is done. Reading it by Express's parser takes 9 % of a request in memory.
 */
function isAllThere(request: IncomingMessage, limitBytes: number): boolean {
  return (
    request.headers['content-length'] === String(request.readableLength) &&
    request.headers['content-encoding'] === undefined &&
    request.readableLength <= limitBytes &&
    request.readableFlowing !== true &&
    request.readableEncoding === null
  );
}

/** The stream's end is read as well: without that neither `end` nor `close` comes, and hosts clean up by them. */
function taken(request: IncomingMessage): Buffer | string {
  const body: Buffer | null = request.read();
  request.resume();
  return body ?? '';
}

function arrived(
  request: IncomingMessage,
  response: ServerResponse,
  read: BodyReader,
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // The host may have answered meanwhile, by a time limit of its own.
      if (!hasBegun(response)) response.setHeader('Connection', 'close');
      reject(new MatrixError(408, 'M_UNKNOWN', 'The body did not arrive in time'));
    }, timeoutMs);
    read(request, response, (error) => {
      clearTimeout(timer);
      if (error === undefined) resolve();
      else reject(bodyParserError(error) ?? error);
    });
  });
}

/** A host's parser may have left text or bytes. */
function parsed(body: unknown): unknown {
  if (body === undefined || body === null) throw notJson('The body is empty');
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return body;
  try {
    return JSON.parse(typeof body === 'string' ? body : decoder.decode(body));
  } catch {
    // The parser's own message quotes the body.
    throw notJson(body.length === 0 ? 'The body is empty' : 'The body is not JSON');
  }
}

/** What an error of Express's body parsers means to the caller; undefined for other errors. */
export function bodyParserError(error: unknown): MatrixError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { type, code, status } = error as Error & { type?: unknown; code?: unknown; status?: unknown };
  if (typeof type !== 'string' && !(typeof code === 'string' && BROKEN_COMPRESSION.test(code)))
    return undefined;
  if (status === 413) return new MatrixError(413, 'M_TOO_LARGE', 'The body is too large', { cause: error });
  if (status === 415) {
    return new MatrixError(415, 'M_NOT_JSON', "The body's encoding is not supported", { cause: error });
  }
  if (status !== 400) return undefined;
  return notJson(type === 'entity.parse.failed' ? 'The body is not JSON' : 'The body cannot be read', error);
}

function notJson(message: string, cause?: unknown): MatrixError {
  return new MatrixError(400, 'M_NOT_JSON', message, { cause });
}
