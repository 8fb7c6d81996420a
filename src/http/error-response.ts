import { isMatrixError, MatrixError } from '../errors.ts';
import { readable } from '../internal/thrown.ts';
import { internalError } from '../invite/refusals.ts';
import type { Verdict } from '../openapi/validators.ts';
import { bodyParserError } from './body.ts';

/** An error, and the body of its response. */
export type ErrorResponse = { readonly error: MatrixError; readonly body: string };

/** Delays above this, 68 years, make no sense to a client, and might be written as `1e+21`. */
export const MAX_RETRY_AFTER_MS = (2 ** 31 - 1) * 1_000;

/** Turns anything thrown into a response that can be serialized. */
export function errorResponse(thrown: unknown): ErrorResponse {
  const error = readable(thrown);
  return responseOf(knownError(error) ?? internalError(error));
}

/** Returns a response that can be serialized. */
export function responseOf(error: MatrixError): ErrorResponse {
  const body = bodyOf(error);
  return body === undefined ? responseOf(internalError(error)) : { error, body };
}

/** Returns the error for something thrown that is known to be about the request. */
export function knownError(thrown: unknown): MatrixError | undefined {
  if (isMatrixError(thrown)) return thrown;
  if (thrown instanceof URIError) {
    return new MatrixError(400, 'M_INVALID_PARAM', 'The path is not valid percent-encoded UTF-8', {
      cause: thrown,
    });
  }
  return bodyParserError(thrown);
}

/**
 * Returns the body, or undefined if the error cannot be serialized. A host's own error may have an invalid status, or a
 * bigint or a cycle in its fields. One that is recognized only by its `code` may have no `toJSON`.
 */
function bodyOf(error: MatrixError): string | undefined {
  const { status, errcode, retryAfterMs } = error;
  if (!Number.isInteger(status) || status < 400 || status > 599) return undefined;
  if (typeof errcode !== 'string' || errcode === '') return undefined;
  if (retryAfterMs !== undefined && typeof retryAfterMs !== 'number') return undefined;
  try {
    const body = error.toJSON();
    const { retry_after_ms: delay } = body;
    const isTooLong = typeof delay === 'number' && !(delay <= MAX_RETRY_AFTER_MS);
    return JSON.stringify(isTooLong ? { ...body, retry_after_ms: undefined } : body);
  } catch {
    return undefined;
  }
}

/** @throws {MatrixError} 400, or 403 for an invite by address, if the value does not match the schema */
export function required<T>(verdict: Verdict<T>): T {
  if (verdict.valid) return verdict.value;
  const status = verdict.errcode === 'M_THREEPID_DENIED' ? 403 : 400;
  throw new MatrixError(status, verdict.errcode, verdict.message);
}
