import type { IncomingMessage } from 'node:http';
import { MatrixError } from '../errors.ts';
import type { ServiceSetting } from '../invite/config.ts';
import { Deadline } from '../invite/deadline.ts';
import { takePoints } from '../invite/limits.ts';
import { checkMayInvite } from '../invite/request.ts';
import type { Verdict } from '../openapi/validators.ts';
import type { Requester } from '../ports/auth.ts';
import type { RequestTrace } from './answering.ts';
import { authenticate, type Logins } from './authenticate.ts';

/**
 * Who asks, if they may ask at all: before any body or database is read. It takes a point of the `attempt` limit.
 *
 * @throws {MatrixError} the refusal
 */
export async function admitted<R extends Requester>(
  setting: ServiceSetting<R> & Logins<R>,
  request: IncomingMessage,
  trace: RequestTrace,
): Promise<R> {
  const { rateLimit } = setting;
  const deadline = new Deadline(setting.deadlineMs);
  try {
    const requester = await authenticate(request, setting, deadline);
    trace.requesterId = requester.userId;
    checkMayInvite(requester, setting.serverNames);
    if (rateLimit !== false && requester.isRateLimitExempt !== true) {
      const buckets = [{ scope: 'attempt', key: requester.userId }] as const;
      await takePoints((context) => rateLimit.consume(buckets, context), deadline, trace);
    }
    return requester;
  } finally {
    deadline.end(trace);
  }
}

/** @throws {MatrixError} 400, or 403 for an address, when it does not keep to the schema */
export function required<T>(verdict: Verdict<T>): T {
  if (verdict.valid) return verdict.value;
  const status = verdict.errcode === 'M_THREEPID_DENIED' ? 403 : 400;
  throw new MatrixError(status, verdict.errcode, verdict.message);
}
