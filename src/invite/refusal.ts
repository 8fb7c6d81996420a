import { isMatrixError, MatrixError } from '../errors.ts';

/**
 * A refusal without a stack, which nobody would see over HTTP: it is an answer like any other, and is logged without
 * the error. Taking the stack, through all the awaits, costs 10 to 20 % of a request that is refused.
 */
export function refusal(...what: ConstructorParameters<typeof MatrixError>): MatrixError {
  const { stackTraceLimit } = Error;
  // Not by an assignment: it would throw where the host has frozen `Error`.
  Reflect.set(Error, 'stackTraceLimit', 0);
  try {
    return new MatrixError(...what);
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  }
}

/** Gives a refusal a stack after all, one that leads to the caller: for callers in code, which it may end. */
export function withStack(error: unknown): unknown {
  if (isMatrixError(error) && !error.stack?.includes('\n    at ')) Error.captureStackTrace(error);
  return error;
}
