import { OWN_CONNECTION } from './connection.ts';

/** The counts of a key, as the scripts return them. */
export type Counts = {
  /** The number of calls in the window. */
  readonly count: number;
  /** The result of PTTL: milliseconds, −1 for a key that never expires, −2 for none. */
  readonly ttlMs: number;
};

/** The lowest result of PTTL: there is no such key. */
const NO_KEY = -2;

/**
 * Reads the reply of a script.
 *
 * @throws for any other reply: it must not count as a point that was consumed
 */
export function countsIn(reply: unknown, lowestCount: number): Counts {
  if (Array.isArray(reply) && reply.length === 2) {
    const [count, ttlMs] = [integerIn(reply[0]), integerIn(reply[1])];
    if (count !== undefined && count >= lowestCount && ttlMs !== undefined && ttlMs >= NO_KEY) {
      return { count, ttlMs };
    }
  }
  throw notAnAnswer(reply);
}

/** @throws unless the reply is a number of removed members */
export function expectRefund(reply: unknown): void {
  const removed = integerIn(reply);
  if (removed !== 0 && removed !== 1) throw notAnAnswer(reply);
}

/** Integers are strings if the client has the option `stringNumbers`. */
function integerIn(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined;
}

/** The message does not contain the reply, which may belong to another command of the host app. */
function notAnAnswer(reply: unknown): Error {
  return new Error(
    reply === 'QUEUED'
      ? `The Redis client is inside a MULTI: ${OWN_CONNECTION}`
      : `Redis returned something other than the counts: ${OWN_CONNECTION}, without a proxy that changes replies`,
  );
}

/**
 * True for an error that Redis has sent: its message begins with a code, such as `OOM`. The messages of clients do not,
 * and the classes of errors have no fixed names, because a bundler can change the names of classes.
 */
export function isFromRedis(error: unknown): boolean {
  return error instanceof Error && /^[A-Z]{2,} /.test(error.message);
}

const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/subscriber mode|only \(P\|S\)SUBSCRIBE/, OWN_CONNECTION],
  [/\bWRONGTYPE\b/, 'another program has a key of this name: choose another "keyPrefix"'],
];

/** Returns an error of the client. Its message also says what to do, if the message alone does not tell. */
export function withAdvice(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const advice = ADVICE.find(([pattern]) => pattern.test(error.message))?.[1];
  return advice === undefined ? error : new Error(`${error.message} (${advice})`, { cause: error });
}
