/**
 * The reason why there was no decision:
 * - `timeout`: the complete response did not arrive in time
 * - `network`: the connection failed
 * - `status`: the status of the response is not a decision (3xx, 401, 404, 429, 5xx …)
 * - `answer`: the response was too large, was not a JSON object, or was not about the invite (the service
 *   does not know the access token, for example)
 */
export type HttpAntispamFailure = 'timeout' | 'network' | 'status' | 'answer';

/**
 * The moderation service made no decision. Recognize it by its `code`. It contains neither the URL, the token
 * nor the response of the service.
 */
export class HttpAntispamError extends Error {
  readonly code = 'ERR_HTTP_ANTISPAM';
  readonly failure: HttpAntispamFailure;
  /** The status of the response, if there was one. */
  readonly status: number | undefined;

  constructor(failure: HttpAntispamFailure, message: string, status?: number) {
    super(message);
    this.name = 'HttpAntispamError';
    this.failure = failure;
    this.status = status;
  }
}
