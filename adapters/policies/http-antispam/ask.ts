import type { CallContext } from '../../../src/ports/context.ts';
import { type Answer, isDecisive } from './decision.ts';
import { failureOf, HttpAntispamError } from './failure.ts';

/** The most bytes of an answer that are read. */
const MAX_ANSWER_BYTES = 65_536;

export type Question = {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
  readonly timeoutMs: number;
};

/**
 * Asks the service, and reads its answer to the end where the status is one that decides.
 *
 * @throws {HttpAntispamError} when there is no such answer of a sensible size in time
 */
export async function ask(
  { url, headers, body, timeoutMs }: Question,
  context: CallContext,
): Promise<Answer> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, timeoutMs);
  context.signal.addEventListener('abort', abort, { once: true });
  if (context.signal.aborted) abort();
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      // The token and the users' ids are for this address only.
      redirect: 'manual',
      signal: controller.signal,
    });
    const { status } = response;
    if (!isDecisive(status)) {
      throw new HttpAntispamError('status', `The moderation service answered with status ${status}`, status);
    }
    return { status, text: await textOf(response) };
  } catch (error) {
    const isLate = controller.signal.aborted;
    // Lets go of the connection, on which the rest of an answer may still come.
    abort();
    throw isLate
      ? new HttpAntispamError('timeout', 'The moderation service did not answer in time')
      : failureOf(error);
  } finally {
    clearTimeout(timer);
    context.signal.removeEventListener('abort', abort);
  }
}

async function textOf({ body, status }: Response): Promise<string> {
  if (body === null) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) {
      throw new HttpAntispamError('answer', 'The answer of the moderation service is too large', status);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
