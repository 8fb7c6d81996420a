import { compiled } from './ajv.ts';
import { type Invalid, invalid } from './invalid.ts';

export { checkResponse } from './check-response.ts';

/** The fields that are read from a body. All others are ignored. */
export type InviteBody = { user_id: string; reason?: string };

/** The valid value, or the error code and message. */
export type Verdict<T> = { readonly valid: true; readonly value: T } | Invalid;

const isInviteByUserId = compiled<InviteBody>('#/components/schemas/InviteByUserId');
const isRoomIdParameter = compiled<string>('#/components/schemas/RoomId');

const THIRD_PARTY_DENIED: Invalid = {
  valid: false,
  errcode: 'M_THREEPID_DENIED',
  message: 'Users can only be invited by their Matrix user ID',
};

/**
 * Validates a parsed body. A failing `type` or `required`, or a lone surrogate, is `M_BAD_JSON`; if only a `pattern` or a
 * `format` fails, it is `M_INVALID_PARAM`. The third-party form is `M_THREEPID_DENIED`, unless it also has a `user_id`,
 * which takes precedence.
 *
 * @param body any JSON value
 */
export function validateInviteBody(body: unknown): Verdict<InviteBody> {
  if (isInviteByUserId(body)) return { valid: true, value: fieldsOf(body) };
  if (isThirdPartyForm(body)) return THIRD_PARTY_DENIED;
  return invalid(isInviteByUserId.errors ?? [], { whole: 'the body', identifier: 'user ID' });
}

/**
 * Validates the room ID of the path, percent-decoded: `M_INVALID_PARAM` for a string that is not a room ID, `M_BAD_JSON`
 * for anything that is not a string.
 */
export function validateRoomId(roomId: unknown): Verdict<string> {
  if (isRoomIdParameter(roomId)) return { valid: true, value: roomId };
  return invalid(isRoomIdParameter.errors ?? [], { whole: 'roomId', identifier: 'room ID' });
}

function fieldsOf(body: InviteBody): InviteBody {
  return Object.hasOwn(body, 'reason') && body.reason !== undefined
    ? { user_id: body.user_id, reason: body.reason }
    : { user_id: body.user_id };
}

/** The specification makes `id_access_token` optional for servers, since older clients do not send it. */
function isThirdPartyForm(body: unknown): boolean {
  if (typeof body !== 'object' || body === null || Object.hasOwn(body, 'user_id')) return false;
  return hasOwnString(body, 'medium') && hasOwnString(body, 'address');
}

function hasOwnString(body: object, field: string): boolean {
  return typeof Object.getOwnPropertyDescriptor(body, field)?.value === 'string';
}
