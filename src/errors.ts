import type { JsonObject } from './rooms/event.ts';

/**
 * An error that is answered to the caller: what goes over the wire (`status`, `errcode`, `message`, `fields`),
 * and what only the log sees (`cause`).
 *
 * Recognise it with {@link isMatrixError}, not with `instanceof`: the ESM and the CommonJS copy of this package
 * are different classes.
 *
 * @see [errors, Answers](../docs/errors.md#answers): a part for each errcode
 */
export class MatrixError extends Error {
  readonly code = 'ERR_MATRIX';
  /** HTTP status. */
  readonly status: number;
  /** The specification's error code, such as `M_FORBIDDEN`. */
  readonly errcode: string;
  /** Fields of the answer beside `errcode` and `error`. */
  readonly fields: JsonObject;
  /** Milliseconds after which another try makes sense: sent as `Retry-After`, in whole seconds, at least 1. */
  readonly retryAfterMs: number | undefined;

  /**
   * @param status HTTP status, 400 to 599; any other becomes 500, since it cannot be an error's
   * @param errcode the specification's error code
   * @param message the answer's `error`, a text for the caller
   * @param options.fields further fields of the answer (default none)
   * @param options.retryAfterMs milliseconds after which another try makes sense (default: not said)
   * @param options.cause what lies behind it, for the log
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
    this.retryAfterMs = options.retryAfterMs;
  }

  /** The answer's body. */
  toJSON(): JsonObject {
    return { ...this.fields, errcode: this.errcode, error: this.message };
  }
}

/**
 * The store cannot be reached, or cannot say whether it stored an event. Answered 503 with `Retry-After`.
 *
 * Any error whose `code` is `ERR_STORAGE_UNAVAILABLE` counts as one.
 *
 * @see [errors, M_UNKNOWN](../docs/errors.md#m_unknown)
 */
export class StorageUnavailableError extends Error {
  readonly code = 'ERR_STORAGE_UNAVAILABLE';
  /** Whether it is certain that nothing was stored. */
  readonly isNotStored: boolean;

  /**
   * @param options.isNotStored whether it is certain that nothing was stored (default false)
   * @param options.cause what lies behind it, for the log
   */
  constructor(message: string, options: ErrorOptions & { readonly isNotStored?: boolean } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'StorageUnavailableError';
    this.isNotStored = options.isNotStored ?? false;
  }
}

/** Whether a value is a {@link MatrixError}, of whichever copy of this package. */
export function isMatrixError(value: unknown): value is MatrixError {
  return hasCode(value, 'ERR_MATRIX');
}

/** Whether a value is a {@link StorageUnavailableError}, of whichever copy of this package. */
export function isStorageUnavailable(value: unknown): value is StorageUnavailableError {
  return hasCode(value, 'ERR_STORAGE_UNAVAILABLE');
}

function hasCode(value: unknown, code: string): boolean {
  return value instanceof Error && (value as Error & { code?: unknown }).code === code;
}
