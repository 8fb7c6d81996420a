import type { IncomingMessage } from 'node:http';
import { MatrixError } from '../errors.ts';
import type { ServiceConfig } from '../invite/config.ts';
import { Deadline } from '../invite/deadline.ts';
import type { InviteForecast } from '../invite/explain.ts';
import { check } from '../invite/invite.ts';
import { toMatrixError } from '../invite/refusals.ts';
import { startRun } from '../invite/run.ts';
import { validateRoomId } from '../openapi/validators.ts';
import type { Requester } from '../ports/auth.ts';
import type { JsonObject } from '../rooms/event.ts';
import { isUserId } from '../rooms/identifiers.ts';
import { authenticateAndThrottle, type Logins } from './authenticate.ts';
import { queryOf, singleParameter } from './credentials.ts';
import { required } from './error-response.ts';
import type { Exchange } from './response.ts';

/** The body of a 200. */
export type CheckBody = JsonObject;

/** The config of a check over HTTP. */
export type CheckRequestConfig<R extends Requester> = ServiceConfig<R> &
  Logins<R> & {
    readonly explainTo: ((requester: R, request: IncomingMessage) => boolean | Promise<boolean>) | undefined;
  };

/**
 * Handles a check request: authenticates, consumes the `attempt` limit, validates and does the dry run.
 *
 * @param roomIdInPath the room ID from the path, percent-decoded
 * @throws {MatrixError} (rejects) the refusal of the check itself, or the failure
 */
export async function checkByRequest<R extends Requester>(
  config: CheckRequestConfig<R>,
  exchange: Exchange,
  roomIdInPath: string,
): Promise<CheckBody> {
  config.background.throwIfClosed();
  const requester = await authenticateAndThrottle(config, exchange);
  const userId = inviteeOf(exchange.request);
  const roomId = required(validateRoomId(roomIdInPath));
  exchange.trace.roomId = roomId;
  const { trace, log } = exchange;
  config.background.throwIfClosed();
  const run = startRun(
    config,
    { requester, roomId, userId },
    { trace, log, signal: undefined, resend: false },
  );
  const forecast = await check(run);
  return (await mayExplain(config, requester, exchange.request))
    ? { ...checkBodyOf(forecast), explanation: forecast.explanation }
    : checkBodyOf(forecast);
}

/** @throws {MatrixError} (rejects) 500 when the host's function fails, 503 when it is late */
async function mayExplain<R extends Requester>(
  { explainTo, deadlineMs }: CheckRequestConfig<R>,
  requester: R,
  request: IncomingMessage,
): Promise<boolean> {
  if (explainTo === undefined) return false;
  const deadline = new Deadline(deadlineMs);
  try {
    return (await deadline.race(Promise.resolve(explainTo(requester, request)))) === true;
  } catch (error) {
    throw toMatrixError(error);
  } finally {
    deadline.end();
  }
}

function checkBodyOf({ allowed, error, remote }: InviteForecast): CheckBody {
  if (error !== undefined) return { ...error.toJSON(), allowed, status: error.status };
  return remote === undefined ? { allowed } : { allowed, remote };
}

/** The parameter is not named `user_id`: in a query that is the user an application service acts as. */
function inviteeOf(request: IncomingMessage): string {
  const invitee = singleParameter(queryOf(request), 'invitee');
  if (invitee === undefined) throw new MatrixError(400, 'M_MISSING_PARAM', 'invitee is required');
  if (!isUserId(invitee)) throw new MatrixError(400, 'M_INVALID_PARAM', 'invitee is not a Matrix user ID');
  return invitee;
}
