import { types } from 'node:util';

/** The fields that this package reads from what a host function throws. */
const FIELDS = [
  'name',
  'message',
  'stack',
  'cause',
  'errors',
  'code',
  'errcode',
  'fields',
  'headers',
  'isNotStored',
  'retryAfterMs',
  'status',
  'statusCode',
  'toJSON',
  'type',
] as const;

/**
 * Returns true for an error of any realm: a test runner or a `vm` context has its own `Error`. Never throws, not even for
 * a revoked Proxy.
 */
export function isError(value: unknown): value is Error {
  try {
    return value instanceof Error || types.isNativeError(value);
  } catch {
    return false;
  }
}

/** Returns true for an AggregateError of any realm. */
export function isAggregateError(error: Error): error is AggregateError {
  return (
    (error instanceof AggregateError || error.name === 'AggregateError') &&
    Array.isArray(Reflect.get(error, 'errors'))
  );
}

/**
 * Returns what a host function threw, or a TypeError in its place if it cannot be read: a getter of it throws, or it is a
 * revoked Proxy. After this, no step has to expect that an error throws another one.
 */
export function readable(thrown: unknown): unknown {
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) return thrown;
  try {
    for (const field of FIELDS) Reflect.get(thrown, field);
    return thrown;
  } catch {
    return new TypeError('A host function threw an error whose fields cannot be read');
  }
}
