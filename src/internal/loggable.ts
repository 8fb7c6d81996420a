import { inspect } from 'node:util';
import { isAggregateError, isError } from './thrown.ts';

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

const UNEXPECTED = 'Unexpected token';

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
  if (!isError(thrown)) {
    // A string is the host app's own message. Anything else may hold what was sent.
    return (typeof thrown === 'object' && thrown !== null) || typeof thrown === 'function'
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
  const errors = isAggregateError(error) && depth < MAX_DEPTH ? error.errors : undefined;
  const inner = errors?.map((each: unknown) => loggableError(each, depth + 1));
  const message = messageOf(error);
  const stack =
    error.stack && withoutQuotedJson(String(error.stack).replace(String(error.message), () => message));
  const isClean =
    cause === error.cause &&
    message === error.message &&
    stack === error.stack &&
    !hasOwnFormat(error) &&
    !hasSymbols(error) &&
    (inner ?? []).every((each, index) => each === errors?.[index]) &&
    Object.keys(error).every((field) => isLoggable(error, field));
  if (isClean) return error;

  const copy = new Error(message, cause === undefined ? {} : { cause });
  const fields = Object.entries(error).filter(([field]) => field !== 'cause' && isLoggable(error, field));
  Object.assign(copy, Object.fromEntries(fields));
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
  if (field === 'cause') return true;
  // Elsewhere, `errors` has what validators found in the values: only those of an AggregateError are errors.
  if (field === 'errors') return isAggregateError(error);
  return (
    value === undefined || (FIELDS.has(field) && typeof value !== 'object' && typeof value !== 'function')
  );
}

/** Such a method can show what is in no field, such as the request of an HTTP client. That of a MatrixError is its own. */
function hasOwnFormat(error: Error): boolean {
  return inspect.custom in error || ('toJSON' in error && Reflect.get(error, 'code') !== 'ERR_MATRIX');
}

function hasSymbols(error: Error): boolean {
  return Object.getOwnPropertySymbols(error).some((symbol) =>
    Object.prototype.propertyIsEnumerable.call(error, symbol),
  );
}

/**
 * Some messages quote what was sent. Those of class 22 quote the value: PostgreSQL's `invalid input syntax for type
 * integer: "…"`, and MariaDB's `Incorrect string value: '…' for column`. Knex adds the statement and its values before
 * the driver's message, and Drizzle the values after the statement.
 */
function messageOf(error: Error): string {
  const message = typeof error.message === 'string' ? withoutQuotedJson(error.message) : '';
  const { code, severity, sqlState } = error as Error & Readonly<Record<string, unknown>>;
  const ofDriver = message
    .replace(/^(?:delete|insert|replace|select|update|with)\s.* - /s, '')
    .replace(/^(Failed query: .*?)\nparams: .*/s, '$1');
  const isPostgres = severity !== undefined;
  if (!/^22[0-9A-Z]{3}$/.test(String(isPostgres ? code : sqlState))) return ofDriver;
  return isPostgres ? ofDriver.replace(/".*/s, '…') : ofDriver.replace(/'.*'(?= for )/s, '…');
}

/** `JSON.parse` quotes the JSON: `Unexpected token 'x', ..."…"... is not valid JSON`. Its other messages do not. */
function withoutQuotedJson(text: string): string {
  const start = text.indexOf(`${UNEXPECTED} '`);
  const end = text.lastIndexOf(' is not valid JSON');
  return start === -1 || end < start ? text : `${text.slice(0, start)}${UNEXPECTED} …${text.slice(end)}`;
}

function nameOf(error: Error): string {
  const { name } = error;
  return name === 'Error' || name === 'error' ? error.constructor.name : name;
}
