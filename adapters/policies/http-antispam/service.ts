import { readBounded } from '../../../src/internal/read-bounded.ts';
import { withTimeout } from '../../../src/internal/waits.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { PolicyRefusal } from '../../../src/ports/policy.ts';
import { HttpAntispamError } from './error.ts';

const MAX_RESPONSE_BYTES = 65_536;

/** The maximum number of characters of the service's message that an inviter sees. */
const MAX_MESSAGE_LENGTH = 500;

/**
 * The 4xx statuses about the request, the route to the service or its load. They say nothing about the
 * invite.
 */
const NOT_ABOUT_THE_INVITE: ReadonlySet<number> = new Set([
  401, 404, 405, 408, 413, 415, 421, 425, 426, 429, 431,
]);

/**
 * Errcodes about the request to the service. If the inviter received them, the first three would log clients
 * out.
 */
const COMPLAINTS: ReadonlySet<unknown> = new Set([
  'M_UNKNOWN_TOKEN',
  'M_MISSING_TOKEN',
  'M_USER_LOCKED',
  'M_UNRECOGNIZED',
  'M_NOT_JSON',
  'M_BAD_JSON',
  'M_MISSING_PARAM',
  'M_INVALID_PARAM',
]);

type ServiceRequest = {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
  readonly timeoutMs: number;
};

type ServiceResponse = { readonly status: number; readonly text: string };

/**
 * Asks the service about an invite.
 *
 * @returns the refusal that it asks for, if any
 * @throws {HttpAntispamError} (rejects) if it makes no valid decision in time
 */
export async function askService(
  request: ServiceRequest,
  context: CallContext,
): Promise<PolicyRefusal | undefined> {
  const response = await withTimeout(
    request.timeoutMs,
    (timeout) => send(request, AbortSignal.any([context.signal, timeout])),
    late,
  );
  return decisionOf(response);
}

async function send({ url, headers, body }: ServiceRequest, signal: AbortSignal): Promise<ServiceResponse> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      // The token and the user IDs are meant for this URL only.
      redirect: 'manual',
      signal,
    });
    const { status } = response;
    if (!isDecisive(status)) {
      // Ends the transfer: the rest of the body may never arrive.
      await response.body?.cancel();
      throw new HttpAntispamError('status', `The moderation service responded with status ${status}`, status);
    }
    const tooLarge = () =>
      new HttpAntispamError('answer', 'The response of the moderation service is too large', status);
    const content = await readBounded(response, MAX_RESPONSE_BYTES, tooLarge);
    return { status, text: content.toString('utf8') };
  } catch (error) {
    throw signal.aborted ? late() : asHttpAntispamError(error);
  }
}

function late(): HttpAntispamError {
  return new HttpAntispamError('timeout', 'The moderation service did not respond in time');
}

/**
 * Turns an error of `fetch` into a failure. Its messages can contain URLs and headers, so only the code is
 * kept.
 */
function asHttpAntispamError(error: unknown): HttpAntispamError {
  if (error instanceof HttpAntispamError) return error;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = (cause as { readonly code?: unknown } | null)?.code;
  const known = typeof code === 'string' && /^[A-Z0-9_]{1,50}$/.test(code) ? ` (${code})` : '';
  return new HttpAntispamError('network', `The moderation service cannot be reached${known}`);
}

function isDecisive(status: number): boolean {
  return isSuccess(status) || (status >= 400 && status <= 499 && !NOT_ABOUT_THE_INVITE.has(status));
}

function decisionOf({ status, text }: ServiceResponse): PolicyRefusal | undefined {
  if (isSuccess(status) && text === '') return undefined;
  const fields = parseObject(text);
  if (fields === undefined) {
    throw new HttpAntispamError(
      'answer',
      'The response of the moderation service is not a JSON object',
      status,
    );
  }
  if (isSuccess(status)) return undefined;
  if (COMPLAINTS.has(fields.errcode)) {
    throw new HttpAntispamError('answer', 'The moderation service rejected the request', status);
  }
  return { errcode: errcodeOf(fields.errcode), message: messageOf(fields.error) };
}

function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299;
}

type Fields = { readonly errcode?: unknown; readonly error?: unknown };

function parseObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function errcodeOf(errcode: unknown): string {
  return typeof errcode === 'string' && /^[A-Z0-9_.]{1,100}$/.test(errcode) ? errcode : 'M_FORBIDDEN';
}

/** Returns the service's message, well-formed, on one line and short. */
function messageOf(error: unknown): string {
  const message =
    typeof error === 'string'
      ? error
          .toWellFormed()
          .replace(/\p{Cc}+/gu, ' ')
          .trim()
      : '';
  return message === '' ? 'The invite was refused' : [...message].slice(0, MAX_MESSAGE_LENGTH).join('');
}
