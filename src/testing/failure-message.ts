/** The most causes that are followed: a chain of causes may be circular. */
const MAX_CAUSES = 10;

/** Returns the error's message, and the message of its innermost cause, which says what went wrong. */
export function messageOf(error: unknown): string {
  const innermost = innermostOf(error);
  const [seen, reason] = [textOf(error), textOf(innermost)];
  return innermost === error || seen.includes(reason) ? seen : `${seen} (cause: ${reason})`;
}

function innermostOf(error: unknown): unknown {
  let innermost = error;
  for (let depth = 0; depth < MAX_CAUSES; depth += 1) {
    if (!(innermost instanceof Error)) break;
    const inner: unknown =
      innermost instanceof AggregateError ? (innermost.cause ?? innermost.errors[0]) : innermost.cause;
    if (inner === undefined || inner === null) break;
    innermost = inner;
  }
  return innermost;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
