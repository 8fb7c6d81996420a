import type { IncomingMessage, ServerResponse } from 'node:http';
import { isMatrixError, MatrixError } from '../errors.ts';
import { type InviteBody, type Verdict, validateInviteBody, validateRoomId } from '../openapi/validators.ts';
import type { Requester } from '../ports/auth.ts';
import { Deadline } from '../service/deadline.ts';
import { takePoints } from '../service/debit.ts';
import type { InviteResult } from '../service/invite.ts';
import type { InviteService } from '../service/invite-service.ts';
import { unavailable } from '../service/refusals.ts';
import { checkRequester } from '../service/request.ts';
import type { ServiceSetting } from '../service/setting.ts';
import type { InviteTrace } from '../service/trace.ts';
import { authenticate, type Logins } from './authenticate.ts';
import { type BodyReader, bodyOf } from './body.ts';

/** What the steps over HTTP need beside the service. */
export type InviteRequestSetting<R extends Requester> = ServiceSetting<R> &
  Logins<R> & {
    readonly service: InviteService<R>;
    readonly readBody: BodyReader;
    readonly bodyTimeoutMs: number;
  };

/** What becomes known of a request on its way. */
export type RequestTrace = InviteTrace & { requesterId?: string; roomId?: string };

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
): Promise<InviteResult> {
  const requester = await admitted(setting, request, trace);
  const body = await bodyOf(request, response, setting.readBody, setting.bodyTimeoutMs);
  const invite: InviteBody = required(validateInviteBody(body));
  // A field that is left out must not be looked for in the prototype.
  const reason = Object.hasOwn(invite, 'reason') ? invite.reason : undefined;
  const roomId = required(validateRoomId(roomIdInPath));
  trace.roomId = roomId;
  return setting.service.invite({ requester, roomId, userId: invite.user_id, reason }, trace);
}

/** Who asks, if they may ask at all: before any body or database is read. */
async function admitted<R extends Requester>(
  setting: InviteRequestSetting<R>,
  request: IncomingMessage,
  trace: RequestTrace,
): Promise<R> {
  const { rateLimit } = setting;
  const deadline = new Deadline(setting.deadlineMs);
  try {
    const requester = await deadline
      .call('authenticate', (context) => authenticate(request, setting, context))
      .catch((error: unknown) => {
        // Never a 401 for an outage: it would log clients out.
        throw isMatrixError(error) ? error : unavailable(error);
      });
    trace.requesterId = requester.userId;
    checkRequester(requester, setting.serverNames);
    if (rateLimit !== false && requester.isRateLimitExempt !== true) {
      const buckets = [{ scope: 'attempt', key: requester.userId }] as const;
      await takePoints((context) => rateLimit.consume(buckets, context), deadline, trace);
    }
    return requester;
  } finally {
    deadline.end();
  }
}

function required<T>(verdict: Verdict<T>): T {
  if (verdict.valid) return verdict.value;
  const status = verdict.errcode === 'M_THREEPID_DENIED' ? 403 : 400;
  throw new MatrixError(status, verdict.errcode, verdict.message);
}
