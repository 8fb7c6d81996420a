/**
 * Why there was no decision:
 * - `timeout`: the whole answer did not come in time
 * - `network`: there was no connection, or it broke
 * - `status`: an answer with a status that decides nothing (3xx, 401, 404, 429, 5xx …)
 * - `answer`: the answer was too large, no JSON object, or not about the invite (the service does not know the access
 *   token, say)
 */
export type HttpAntispamFailure = 'timeout' | 'network' | 'status' | 'answer';

/**
 * The moderation service gave no decision. Recognise it by its `code`. Neither address, token nor answer of the
 * service are in it.
 */
export class HttpAntispamError extends Error {
  readonly code = 'ERR_HTTP_ANTISPAM';
  readonly failure: HttpAntispamFailure;
  /** The status that the service answered with, where it did. */
  readonly status: number | undefined;

  constructor(failure: HttpAntispamFailure, message: string, status?: number) {
    super(message);
    this.name = 'HttpAntispamError';
    this.failure = failure;
    this.status = status;
  }
}

/** The failure that an error of `fetch` stands for. Its texts can quote addresses and headers: only codes are kept. */
export function failureOf(error: unknown): HttpAntispamError {
  if (error instanceof HttpAntispamError) return error;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = (cause as { readonly code?: unknown } | null)?.code;
  const known = typeof code === 'string' && /^[A-Z0-9_]{1,50}$/.test(code) ? ` (${code})` : '';
  return new HttpAntispamError('network', `The moderation service cannot be reached${known}`);
}
