import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServiceSetting } from '../invite/config.ts';
import type { InviteResult } from '../invite/invite.ts';
import type { InviteDesk } from '../invite/service.ts';
import { type InviteBody, validateInviteBody, validateRoomId } from '../openapi/validators.ts';
import type { Requester } from '../ports/auth.ts';
import type { Logger } from '../ports/logger.ts';
import { admitted, required } from './admit.ts';
import type { RequestTrace } from './answering.ts';
import type { Logins } from './authenticate.ts';
import { type BodyReader, bodyOf } from './body.ts';

/** What the steps over HTTP need beside the service. */
export type InviteRequestSetting<R extends Requester> = ServiceSetting<R> &
  Logins<R> & {
    readonly desk: InviteDesk<R>;
    readonly readBody: BodyReader;
    readonly bodyLimitBytes: number;
    readonly bodyTimeoutMs: number;
  };

/**
 * Takes a request through login, the `attempt` limit and validation to the service.
 *
 * @param roomIdInPath the room id as the path says it, decoded
 * @throws {MatrixError} the refusal
 */
export async function inviteByRequest<R extends Requester>(
  setting: InviteRequestSetting<R>,
  request: IncomingMessage,
  response: ServerResponse,
  roomIdInPath: unknown,
  trace: RequestTrace,
  log: Logger,
): Promise<InviteResult> {
  setting.desk.throwIfClosed();
  const requester = await admitted(setting, request, trace);
  const { readBody, bodyLimitBytes, bodyTimeoutMs } = setting;
  const body = await bodyOf(request, response, readBody, bodyLimitBytes, bodyTimeoutMs);
  const invite: InviteBody = required(validateInviteBody(body));
  // A field that is left out must not be looked for in the prototype.
  const reason = Object.hasOwn(invite, 'reason') ? invite.reason : undefined;
  const roomId = required(validateRoomId(roomIdInPath));
  trace.roomId = roomId;
  return setting.desk.inviteChecked({ requester, roomId, userId: invite.user_id, reason }, trace, log);
}
