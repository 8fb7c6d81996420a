import type { OutboundAnswer } from './client.ts';

/** The shortest and the longest wait that a client is told, in milliseconds, whatever another server says. */
const MIN_RETRY_AFTER_MS = 1_000;
const MAX_RETRY_AFTER_MS = 3_600_000;

/** Returns the `errcode` of an answer. */
export function errcodeOf(answer: OutboundAnswer): string | undefined {
  const errcode = fieldsOf(answer)?.errcode;
  return typeof errcode === 'string' ? errcode : undefined;
}

/** Returns the fields of an answer that is a JSON object. */
export function fieldsOf({ json }: OutboundAnswer): Readonly<Record<string, unknown>> | undefined {
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? json : undefined;
}

/** Returns the wait in milliseconds that an answer asks for, from a second to an hour. */
export function retryAfterMsOf(answer: OutboundAnswer): number {
  const retryAfter = answer.headers['retry-after'];
  const field = fieldsOf(answer)?.retry_after_ms;
  const inSeconds =
    retryAfter !== undefined && /^[0-9]{1,9}$/.test(retryAfter) ? Number(retryAfter) : undefined;
  const asked = inSeconds === undefined ? field : inSeconds * 1_000;
  const ms = typeof asked === 'number' ? asked : MIN_RETRY_AFTER_MS;
  return Math.min(Math.max(ms, MIN_RETRY_AFTER_MS), MAX_RETRY_AFTER_MS);
}
