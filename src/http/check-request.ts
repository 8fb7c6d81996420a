import type { IncomingMessage } from 'node:http';
import { MatrixError } from '../errors.ts';
import type { ServiceSetting } from '../invite/config.ts';
import { Deadline } from '../invite/deadline.ts';
import type { InviteForecast } from '../invite/explain.ts';
import { failureOf } from '../invite/refusals.ts';
import type { InviteDesk } from '../invite/service.ts';
import { validateRoomId } from '../openapi/validators.ts';
import type { Requester } from '../ports/auth.ts';
import type { Logger } from '../ports/logger.ts';
import type { JsonObject } from '../rooms/event.ts';
import { isUserId } from '../rooms/identifiers.ts';
import { admitted, required } from './admit.ts';
import type { RequestTrace } from './answering.ts';
import type { Logins } from './authenticate.ts';
import { queryOf, single } from './credentials.ts';

/** The body of an answer. */
export type CheckAnswer = JsonObject;

/** What the steps over HTTP need beside the service. */
export type CheckRequestSetting<R extends Requester> = ServiceSetting<R> &
  Logins<R> & {
    readonly desk: InviteDesk<R>;
    readonly explainTo: ((requester: R, request: IncomingMessage) => boolean | Promise<boolean>) | undefined;
  };

/**
 * Takes a request through login, the `attempt` limit and validation to the dry run.
 *
 * @param roomIdInPath the room id as the path says it, decoded
 * @throws {MatrixError} the refusal of the question itself
 */
export async function checkByRequest<R extends Requester>(
  setting: CheckRequestSetting<R>,
  request: IncomingMessage,
  roomIdInPath: unknown,
  trace: RequestTrace,
  log: Logger,
): Promise<CheckAnswer> {
  setting.desk.throwIfClosed();
  const requester = await admitted(setting, request, trace);
  const userId = inviteeOf(request);
  const roomId = required(validateRoomId(roomIdInPath));
  trace.roomId = roomId;
  const forecast = await setting.desk.check({ requester, roomId, userId }, trace, log);
  return (await mayKnow(setting, requester, request))
    ? { ...answerOf(forecast), explanation: forecast.explanation }
    : answerOf(forecast);
}

/** @throws {MatrixError} 500 when the host's function fails, 503 when it is late */
async function mayKnow<R extends Requester>(
  { explainTo, deadlineMs }: CheckRequestSetting<R>,
  requester: R,
  request: IncomingMessage,
): Promise<boolean> {
  if (explainTo === undefined) return false;
  const deadline = new Deadline(deadlineMs);
  try {
    return (await deadline.race(Promise.resolve(explainTo(requester, request)))) === true;
  } catch (error) {
    throw failureOf(error);
  } finally {
    deadline.end();
  }
}

function answerOf({ allowed, error }: InviteForecast): CheckAnswer {
  return error === undefined ? { allowed } : { ...error.toJSON(), allowed, status: error.status };
}

/** It is not named `user_id`: in a query that is the user for whom an application service speaks. */
function inviteeOf(request: IncomingMessage): string {
  const invitee = single(queryOf(request), 'invitee');
  if (invitee === undefined) throw new MatrixError(400, 'M_MISSING_PARAM', 'invitee is missing');
  if (!isUserId(invitee)) throw new MatrixError(400, 'M_INVALID_PARAM', 'invitee is not a Matrix user ID');
  return invitee;
}
