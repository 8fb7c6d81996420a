import type { ServiceConfig } from '../invite/config.ts';
import type { InviteResult } from '../invite/explain.ts';
import { invite } from '../invite/invite.ts';
import { mayDeferAttempt } from '../invite/limits.ts';
import { startRun } from '../invite/run.ts';
import { type InviteBody, validateInviteBody, validateRoomId } from '../openapi/validators.ts';
import type { Requester } from '../ports/auth.ts';
import type { PolicyRequest } from '../ports/policy.ts';
import { authenticateAndThrottle, type Logins, throttle } from './authenticate.ts';
import { type BodyOptions, explainedByContentType, isBodyHere, isReadByHost, readBody } from './body.ts';
import { required } from './error-response.ts';
import type { Exchange } from './response.ts';

/** The config of an invite over HTTP. */
export type InviteRequestConfig<R extends Requester> = ServiceConfig<R> &
  Logins<R> & { readonly body: BodyOptions };

/**
 * Handles an invite request: authenticates, consumes the `attempt` limit, validates and invites.
 *
 * @param roomIdInPath the room ID from the path, percent-decoded
 * @throws {MatrixError} (rejects) the refusal, or the failure
 */
export async function inviteByRequest<R extends Requester>(
  config: InviteRequestConfig<R>,
  exchange: Exchange,
  roomIdInPath: string,
): Promise<InviteResult> {
  config.background.throwIfClosed();
  let isAttemptDue = false;
  const requester = await authenticateAndThrottle(config, exchange, (each) => {
    isAttemptDue = mayDeferAttempt(config, each) && isBodyHere(exchange.request, config.body);
    return isAttemptDue;
  });
  let inviteRequest: PolicyRequest<R>;
  try {
    const isParsedByHost = isReadByHost(exchange.request);
    const verdict = validateInviteBody(await readBody(exchange, config.body));
    const fields = required(isParsedByHost ? explainedByContentType(verdict, exchange.request) : verdict);
    inviteRequest = policyRequestOf(requester, required(validateRoomId(roomIdInPath)), fields);
  } catch (error) {
    // An invalid request is an attempt too.
    if (isAttemptDue) await throttle(config, exchange, requester);
    throw error;
  }
  const { trace, log } = exchange;
  trace.roomId = inviteRequest.roomId;
  return invite(
    startRun(config, inviteRequest, { trace, log, isAttemptDue, signal: undefined, resend: false }),
  );
}

function policyRequestOf<R extends Requester>(
  requester: R,
  roomId: string,
  fields: InviteBody,
): PolicyRequest<R> {
  // A missing field must not be looked up in the prototype.
  const reason = Object.hasOwn(fields, 'reason') ? fields.reason : undefined;
  return { requester, roomId, userId: fields.user_id, reason };
}
