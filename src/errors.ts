import type { JsonObject } from './rooms/event.ts';

/**
 * An error response. The client gets `status`, `errcode`, `message` and `fields`; `cause` is only logged.
 *
 * Recognize it with {@link isMatrixError}, not with `instanceof`: the ESM and the CommonJS copy of this package are
 * different classes.
 *
 * @see [errors, Responses](../docs/errors.md#responses): a section for each errcode
 */
export class MatrixError extends Error {
  readonly code = 'ERR_MATRIX';
  /** HTTP status. */
  readonly status: number;
  /** The specification's error code, such as `M_FORBIDDEN`. */
  readonly errcode: string;
  /** Fields of the response besides `errcode` and `error`. */
  readonly fields: JsonObject;
  /** Milliseconds to wait before a retry, sent as `retry_after_ms`, and as `Retry-After` in whole seconds, at least 1. */
  readonly retryAfterMs: number | undefined;

  /**
   * @param status HTTP status, 400 to 599; any other becomes 500
   * @param errcode the specification's error code
   * @param message the `error` of the response: a message for the caller
   * @param options.fields further fields of the response (default none)
   * @param options.retryAfterMs milliseconds to wait before a retry (default: not sent, as for NaN and Infinity)
   * @param options.cause the underlying error, for the log
   */
  constructor(
    status: number,
    errcode: string,
    message: string,
    options: { fields?: JsonObject; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MatrixError';
    this.status = Number.isInteger(status) && status >= 400 && status <= 599 ? status : 500;
    this.errcode = errcode;
    this.fields = options.fields ?? {};
    this.retryAfterMs = Number.isFinite(options.retryAfterMs) ? options.retryAfterMs : undefined;
  }

  /** Returns the body of the response. It names the wait because some clients, such as matrix-bot-sdk, read no headers. */
  toJSON(): JsonObject {
    const { errcode, fields, message, retryAfterMs } = this;
    return {
      ...(retryAfterMs === undefined ? {} : { retry_after_ms: Math.max(1, Math.ceil(retryAfterMs)) }),
      ...fields,
      errcode,
      error: message,
    };
  }
}

/**
 * The store cannot be reached, or cannot say whether it stored an event. The response is a 503 with `Retry-After`.
 *
 * Any error whose `code` is `ERR_STORAGE_UNAVAILABLE` is treated the same.
 *
 * @see [errors, M_UNKNOWN](../docs/errors.md#m_unknown)
 */
export class StorageUnavailableError extends Error {
  readonly code = 'ERR_STORAGE_UNAVAILABLE';
  /** True if it is certain that nothing was stored. */
  readonly isNotStored: boolean;

  /**
   * @param options.isNotStored whether it is certain that nothing was stored (default false)
   * @param options.cause the underlying error, for the log
   */
  constructor(message: string, options: { readonly cause?: unknown; readonly isNotStored?: boolean } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'StorageUnavailableError';
    this.isNotStored = options.isNotStored ?? false;
  }
}

/**
 * Nothing was stored or sent for an address, although the request failed: for example, the mail server refused the
 * connection. `storeInvite` rejects with it, so that the next request may try at once. The response is a 502.
 *
 * Any error whose `code` is `ERR_INVITE_NOT_SENT` is treated the same.
 *
 * @see [errors, M_UNKNOWN](../docs/errors.md#m_unknown)
 */
export class InviteNotSentError extends Error {
  readonly code = 'ERR_INVITE_NOT_SENT';

  /** @param options.cause the underlying error, for the log */
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'InviteNotSentError';
  }
}

/** Returns true for a {@link MatrixError} from any copy of this package. */
export function isMatrixError(value: unknown): value is MatrixError {
  return hasCode(value, 'ERR_MATRIX');
}

/** Returns true for a {@link StorageUnavailableError} from any copy of this package. */
export function isStorageUnavailable(value: unknown): value is StorageUnavailableError {
  return hasCode(value, 'ERR_STORAGE_UNAVAILABLE');
}

/** Returns true for an {@link InviteNotSentError} from any copy of this package. */
export function isInviteNotSent(value: unknown): value is InviteNotSentError {
  return hasCode(value, 'ERR_INVITE_NOT_SENT');
}

function hasCode(value: unknown, code: string): boolean {
  try {
    return value instanceof Error && (value as Error & { code?: unknown }).code === code;
  } catch {
    // A getter of the host threw.
    return false;
  }
}
