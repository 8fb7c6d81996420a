/**
 * The fields of errors that say what failed, and never what was sent. Drivers add others that do: PostgreSQL's `detail`
 * and `where` quote rows and parameters, ioredis' `command` has the arguments, and errors of HTTP clients have the
 * request with its headers.
 */
const FIELDS: ReadonlySet<string> = new Set([
  'name',
  'message',
  'stack',
  'cause',
  'errors',
  'code',
  'errno',
  'syscall',
  'status',
  'statusCode',
  'errcode',
  'errstr',
  'severity',
  'schema',
  'table',
  'column',
  'constraint',
  'routine',
  'isNotStored',
  'failure',
]);

/** Causes of causes that are logged. A longer or circular chain ends there. */
const MAX_DEPTH = 8;

/** Returns the details of a log line, with an `err` that has only the fields that say what failed. */
export function loggableDetails(details: object): object {
  if (!('err' in details)) return details;
  const err = loggableError(details.err);
  return err === details.err ? details : { ...details, err };
}

/**
 * Returns an error with the fields that say what failed, without any other. An error without other fields is returned
 * as it is.
 */
function loggableError(thrown: unknown, depth = 0): unknown {
  if (!(thrown instanceof Error)) {
    // A string is the host app's own message. Anything else may hold what was sent.
    return typeof thrown === 'object' && thrown !== null
      ? new Error('An object that is not an Error was thrown')
      : thrown;
  }
  try {
    return withoutOthers(thrown, depth);
  } catch {
    return new Error('An error was thrown whose fields cannot be read');
  }
}

function withoutOthers(error: Error, depth: number): Error {
  const cause = depth < MAX_DEPTH ? loggableError(error.cause, depth + 1) : undefined;
  const errors = error instanceof AggregateError && depth < MAX_DEPTH ? error.errors : undefined;
  const inner = errors?.map((each: unknown) => loggableError(each, depth + 1));
  const message = messageOf(error);
  const isClean =
    cause === error.cause &&
    message === error.message &&
    (inner ?? []).every((each, index) => each === errors?.[index]) &&
    Object.keys(error).every((field) => isLoggable(error, field));
  if (isClean) return error;

  const copy = new Error(message, cause === undefined ? {} : { cause });
  const fields = Object.entries(error).filter(([field]) => field !== 'cause' && isLoggable(error, field));
  Object.assign(copy, Object.fromEntries(fields));
  const stack = String(error.stack).replace(error.message, () => message);
  for (const [field, value] of Object.entries({ message, stack, name: nameOf(error), errors: inner })) {
    if (value === undefined) continue;
    Object.defineProperty(copy, field, { value, configurable: true, writable: true });
  }
  return copy;
}

/** An object is no code and no name: it may have anything in it. The fields of a MatrixError are those of a response. */
function isLoggable(error: Error, field: string): boolean {
  const value: unknown = Reflect.get(error, field);
  if (Reflect.get(error, 'code') === 'ERR_MATRIX' && ['fields', 'retryAfterMs'].includes(field)) return true;
  if (field === 'cause' || field === 'errors') return true;
  return value === undefined || (FIELDS.has(field) && typeof value !== 'object');
}

/** PostgreSQL's messages of class 22 quote the value: `invalid input syntax for type integer: "…"`. */
function messageOf(error: Error): string {
  const { message } = error;
  const { code, severity } = error as { readonly code?: unknown; readonly severity?: unknown };
  const quotesValue = severity !== undefined && typeof code === 'string' && /^22[0-9A-Z]{3}$/.test(code);
  return quotesValue ? message.replace(/".*/s, '…') : message;
}

function nameOf(error: Error): string {
  const { name } = error;
  return name === 'Error' || name === 'error' ? error.constructor.name : name;
}
