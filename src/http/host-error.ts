import { type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES, validateHeaderValue } from 'node:http';
import { MatrixError } from '../errors.ts';
import { internalError } from '../invite/refusals.ts';
import { knownError } from './error-response.ts';
import { errorStatusOf, isErrorStatus } from './error-status.ts';

/** An error of the host app, and the headers that it asks for. */
type HostError = { readonly error: MatrixError; readonly headers: OutgoingHttpHeaders };

/** The errcodes that the specification has for a status. */
const ERRCODES: Readonly<Record<number, string>> = {
  403: 'M_FORBIDDEN',
  404: 'M_NOT_FOUND',
  405: 'M_UNRECOGNIZED',
  413: 'M_TOO_LARGE',
  429: 'M_LIMIT_EXCEEDED',
};

/** These describe the body, which is not the host's. */
const BODY_HEADERS = new Set([
  'content-encoding',
  'content-language',
  'content-range',
  'trailer',
  'transfer-encoding',
]);

/**
 * Converts an error of the host app by the conventions of Express's own error handler, `finalhandler`: the `status` of
 * the error, or else its `statusCode`, together with its `headers`; or else the status that the response already has.
 * The error's message may reveal more than the caller should know.
 */
export function hostErrorOf(thrown: unknown, response: ServerResponse): HostError {
  try {
    return convert(thrown, response);
  } catch {
    // Something thrown whose properties cannot be read.
    return { error: internalError(thrown), headers: {} };
  }
}

function convert(thrown: unknown, response: ServerResponse): HostError {
  const status = errorStatusOf(thrown, 599);
  const headers = status === undefined ? {} : headersOf(thrown);
  const known = knownError(thrown);
  if (known !== undefined) return { error: known, headers };
  const sent = status ?? statusOrServerError(response.statusCode);
  const retryAfterMs = delayOf(headers['retry-after'] ?? response.getHeader('Retry-After'));
  const error = new MatrixError(
    sent,
    ERRCODES[sent] ?? 'M_UNKNOWN',
    sent === 500 ? 'Internal server error' : (STATUS_CODES[sent] ?? 'The request failed'),
    { cause: thrown, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
  );
  return { error, headers };
}

/** These are about the connection, and Node throws for some of them only when the response is sent. */
const CONNECTION_HEADERS = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'upgrade',
]);

/** Sets the headers of an error, and removes those that would describe the body that the host wanted to send. */
export function setHostHeaders(response: ServerResponse, headers: OutgoingHttpHeaders): void {
  for (const name of BODY_HEADERS) response.removeHeader(name);
  for (const [name, value] of Object.entries(headers)) {
    if (BODY_HEADERS.has(name) || CONNECTION_HEADERS.has(name)) continue;
    try {
      const text = headerValueOf(name, value);
      if (text !== undefined) response.setHeader(name, text);
    } catch {
      // The name or the value is invalid. The response matters more than the header.
    }
  }
}

/** A number of seconds, or a date. */
const RETRY_AFTER = /^(?:\d{1,9}|[A-Z][a-z]+,? .+)$/;

/**
 * Returns a value that can be sent, or undefined. HTTP/2 checks values only when the response is sent, and then throws
 * for several values of a header such as `Retry-After`.
 *
 * @throws {TypeError} if the value has invalid characters
 */
function headerValueOf(name: string, value: unknown): string | string[] | undefined {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  const texts = values.filter((item) => typeof item === 'string' || typeof item === 'number').map(String);
  if (texts.length === 0) return undefined;
  const text = texts.join(', ');
  validateHeaderValue(name, text);
  if (name === 'retry-after' && !RETRY_AFTER.test(text)) return undefined;
  return name === 'set-cookie' ? texts : text;
}

function statusOrServerError(status: number): number {
  return isErrorStatus(status) ? status : 500;
}

/** Returns the headers of an error, with names in lower case. */
function headersOf(thrown: unknown): OutgoingHttpHeaders {
  const { headers } = thrown as { readonly headers?: unknown };
  if (typeof headers !== 'object' || headers === null) return {};
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Returns the milliseconds of a `Retry-After` in seconds. A date is left alone. */
function delayOf(retryAfter: unknown): number | undefined {
  if (typeof retryAfter !== 'string' && typeof retryAfter !== 'number') return undefined;
  return /^\d{1,9}$/.test(String(retryAfter)) ? Number(retryAfter) * 1000 : undefined;
}
