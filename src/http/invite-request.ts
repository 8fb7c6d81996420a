import type { ServiceConfig } from '../invite/config.ts';
import type { InviteResult } from '../invite/explain.ts';
import { invite } from '../invite/invite.ts';
import { startRun } from '../invite/run.ts';
import { type InviteBody, validateInviteBody, validateRoomId } from '../openapi/validators.ts';
import type { Requester } from '../ports/auth.ts';
import { authenticateAndThrottle, type Logins } from './authenticate.ts';
import { type BodyOptions, explainedByContentType, isReadByHost, readBody } from './body.ts';
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
  const requester = await authenticateAndThrottle(config, exchange);
  const { request } = exchange;
  const isParsedByHost = isReadByHost(request);
  const verdict = validateInviteBody(await readBody(exchange, config.body));
  const fields: InviteBody = required(isParsedByHost ? explainedByContentType(verdict, request) : verdict);
  const roomId = required(validateRoomId(roomIdInPath));
  const { trace, log } = exchange;
  trace.roomId = roomId;
  // A missing field must not be looked up in the prototype.
  const reason = Object.hasOwn(fields, 'reason') ? fields.reason : undefined;
  const inviteRequest = { requester, roomId, userId: fields.user_id, reason };
  return invite(startRun(config, inviteRequest, { trace, log, signal: undefined, resend: false }));
}
