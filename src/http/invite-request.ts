import { isThenable } from '../internal/unawaited.ts';
import {
  type AddressInviteRequest,
  type AddressInviteResult,
  startAddressRun,
} from '../invite/address-request.ts';
import { inviteByAddress } from '../invite/by-address.ts';
import type { ServiceConfig } from '../invite/config.ts';
import { invite } from '../invite/invite.ts';
import { mayDeferAttempt } from '../invite/limits.ts';
import { startRun } from '../invite/run.ts';
import {
  type AddressInviteBody,
  type InviteBody,
  isByAddress,
  validateAddressInviteBody,
  validateInviteBody,
  validateRoomId,
} from '../openapi/validators.ts';
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
): Promise<AddressInviteResult> {
  config.background.throwIfClosed();
  let isAttemptDue = false;
  const requester = await authenticateAndThrottle(config, exchange, (each) => {
    isAttemptDue = mayDeferAttempt(config, each) && isBodyHere(exchange.request, config.body);
    return isAttemptDue;
  });
  let form: InviteForm<R>;
  try {
    const isParsedByHost = isReadByHost(exchange.request);
    const read = readBody(exchange, config.body);
    // Awaiting a body that is here already would cost promises.
    const body: unknown = isThenable(read) ? await read : read;
    form = validForm(config, { exchange, requester, roomIdInPath, body, isParsedByHost });
  } catch (error) {
    // An invalid request is an attempt too.
    if (isAttemptDue) await throttle(config, exchange, requester);
    throw error;
  }
  // The body may have taken its time.
  config.background.throwIfClosed();
  const { trace, log } = exchange;
  trace.roomId = form.request.roomId;
  if (form.by === 'userId') {
    return invite(
      startRun(config, form.request, { trace, log, isAttemptDue, signal: undefined, resend: false }),
    );
  }
  if (isAttemptDue) await throttle(config, exchange, requester);
  return inviteByAddress(startAddressRun(config, form.request, { trace, log, signal: undefined }));
}

/** A valid request, by the form of its body. */
type InviteForm<R extends Requester> =
  | { readonly by: 'userId'; readonly request: PolicyRequest<R> }
  | { readonly by: 'address'; readonly request: AddressInviteRequest<R> };

/** A request whose body was read. */
type ReadRequest<R extends Requester> = {
  readonly exchange: Exchange;
  readonly requester: R;
  readonly roomIdInPath: string;
  readonly body: unknown;
  readonly isParsedByHost: boolean;
};

/** @throws {MatrixError} 400 or 403 */
function validForm<R extends Requester>(
  config: InviteRequestConfig<R>,
  { exchange: { request }, requester, roomIdInPath, body, isParsedByHost }: ReadRequest<R>,
): InviteForm<R> {
  if (config.thirdParty !== undefined && isByAddress(body)) {
    const fields = required(validateAddressInviteBody(body));
    const roomId = required(validateRoomId(roomIdInPath));
    return { by: 'address', request: addressRequestOf(fields, { requester, roomId }) };
  }
  const verdict = validateInviteBody(body);
  const fields: InviteBody = required(isParsedByHost ? explainedByContentType(verdict, request) : verdict);
  const roomId = required(validateRoomId(roomIdInPath));
  // A missing field must not be looked up in the prototype.
  const reason = Object.hasOwn(fields, 'reason') ? fields.reason : undefined;
  return { by: 'userId', request: { requester, roomId, userId: fields.user_id, reason } };
}

function addressRequestOf<R extends Requester>(
  { id_server: idServer, id_access_token: idAccessToken, medium, address }: AddressInviteBody,
  { requester, roomId }: { readonly requester: R; readonly roomId: string },
): AddressInviteRequest<R> {
  return { requester, roomId, idServer, idAccessToken, medium, address };
}
