import { STATUS_CODES } from 'node:http';
import { isMatrixError, MatrixError } from '../errors.ts';
import { bodyParserError } from './body.ts';

/** What the caller is answered for anything thrown: always something that can be written. */
export function asMatrixError(error: unknown): MatrixError {
  if (isMatrixError(error)) return isWritable(error) ? error : internalError(error);
  if (error instanceof URIError) {
    return new MatrixError(400, 'M_INVALID_PARAM', 'The path is not valid percent-encoded UTF-8', {
      cause: error,
    });
  }
  return bodyParserError(error) ?? httpError(error) ?? internalError(error);
}

/**
 * A host's own error may have a bigint or a circle in its fields, or a status that is none; and one that counts by its
 * `code` alone may have no `toJSON`.
 */
function isWritable(error: MatrixError): boolean {
  const { status, errcode, retryAfterMs } = error;
  if (!Number.isInteger(status) || status < 400 || status > 599) return false;
  if (typeof errcode !== 'string' || errcode === '') return false;
  if (retryAfterMs !== undefined && typeof retryAfterMs !== 'number') return false;
  try {
    return typeof JSON.stringify(error.toJSON()) === 'string';
  } catch {
    return false;
  }
}

/** Express's convention for errors of a request: a `status`. Its message may say more than the caller may know. */
function httpError(error: unknown): MatrixError | undefined {
  const { status } = (error ?? {}) as { readonly status?: unknown };
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 400 || status > 499)
    return undefined;
  return new MatrixError(status, 'M_UNKNOWN', STATUS_CODES[status] ?? 'The request was refused', {
    cause: error,
  });
}

function internalError(cause: unknown): MatrixError {
  return new MatrixError(500, 'M_UNKNOWN', 'Internal server error', { cause });
}
