import { STATUS_CODES } from 'node:http';
import { isMatrixError, MatrixError } from '../errors.ts';
import { bodyParserError } from './body.ts';

/** An error, and the text of its answer. */
export type WritableError = { readonly error: MatrixError; readonly text: string };

/** What the caller is answered for anything thrown: always something that can be written. */
export function writableError(thrown: unknown): WritableError {
  const error = asMatrixError(thrown);
  const text = textOf(error);
  return text === undefined ? writableError(internalError(error)) : { error, text };
}

function asMatrixError(error: unknown): MatrixError {
  if (isMatrixError(error)) return error;
  if (error instanceof URIError) {
    return new MatrixError(400, 'M_INVALID_PARAM', 'The path is not valid percent-encoded UTF-8', {
      cause: error,
    });
  }
  return bodyParserError(error) ?? httpError(error) ?? internalError(error);
}

/**
 * The text of an answer, or undefined for what is none.
 *
 * A host's own error may have a bigint or a circle in its fields, or a status that is none; and one that counts by its
 * `code` alone may have no `toJSON`.
 */
function textOf(error: MatrixError): string | undefined {
  const { status, errcode, retryAfterMs } = error;
  if (!Number.isInteger(status) || status < 400 || status > 599) return undefined;
  if (typeof errcode !== 'string' || errcode === '') return undefined;
  if (retryAfterMs !== undefined && typeof retryAfterMs !== 'number') return undefined;
  try {
    return JSON.stringify(error.toJSON());
  } catch {
    return undefined;
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
