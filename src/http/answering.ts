import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { MatrixError } from '../errors.ts';
import { RequestLog } from '../invite/request-log.ts';
import type { InviteTrace } from '../invite/trace.ts';
import type { Logger } from '../ports/logger.ts';
import type { JsonObject } from '../rooms/event.ts';
import { answer, answerError } from './answer.ts';
import { setCommonHeaders } from './common-headers.ts';
import { hasBegun } from './has-begun.ts';
import { writableError } from './unexpected.ts';

/** What becomes known of a request on its way. */
export type RequestTrace = InviteTrace & {
  requestId?: string | undefined;
  requesterId?: string | undefined;
  roomId?: string | undefined;
};

/** How the work on a request ended. */
type RequestEnd<Result> = {
  readonly result?: Result;
  readonly error?: MatrixError;
  readonly trace: RequestTrace;
  /** Milliseconds from the first line to the answer. */
  readonly durationMs: number;
};

/** How requests are answered, whatever they are about. */
export type AnsweringSetting<Result> = {
  /** What is answered, at the beginning of a log line. */
  readonly what: string;
  readonly logger: Logger;
  readonly cors: boolean;
  requestId(request: IncomingMessage): unknown;
  /** The body of a 200. */
  bodyOf(result: Result): JsonObject;
  /** What the log line says of a 200 beside what every line says. */
  logged(result: Result): object;
  /** Told right after the answer. */
  readonly onEnd?: ((end: RequestEnd<Result>, request: IncomingMessage) => unknown) | undefined;
};

/** The work on a request: it resolves what is answered 200, or rejects with what went against it. */
export type RequestWork<Result> = (trace: RequestTrace, log: Logger) => Promise<Result>;

/** Answers one request, whatever happens in `work`, writes its log line and tells the host of it. */
export async function answered<Result>(
  setting: AnsweringSetting<Result>,
  request: IncomingMessage,
  response: ServerResponse,
  work: RequestWork<Result>,
): Promise<void> {
  // A host that has answered, and yet goes on to us, has decided.
  if (hasBegun(response)) return;
  const startedAt = performance.now();
  const trace: RequestTrace = { tries: 0 };
  const log = new RequestLog(setting.logger);
  setCommonHeaders(response, setting.cors);
  let result: Result | undefined;
  let error: MatrixError | undefined;
  try {
    const requestId = idIn(setting.requestId(request));
    if (requestId !== undefined) trace.requestId = requestId;
    result = await work(trace, log);
    if (!hasBegun(response)) answer(response, 200, JSON.stringify(setting.bodyOf(result)));
  } catch (thrown) {
    const writable = writableError(thrown);
    error = writable.error;
    if (!hasBegun(response)) answerError(response, writable);
  }
  const durationMs = performance.now() - startedAt;
  const said = () => (result === undefined ? {} : setting.logged(result));
  log.end(setting.what, () => ({ ...trace, ...said(), durationMs }), error);
  if (setting.onEnd === undefined) return;
  try {
    await setting.onEnd({ result, error, trace, durationMs }, request);
  } catch (err) {
    log.error({ err }, 'onOutcome failed');
  }
}

/** Of the forms that request ids have, those that a log line can take. */
function idIn(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, 200) : undefined;
}
