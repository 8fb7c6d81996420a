import { compiled } from './ajv.ts';
import { type Refusal, refusal } from './refusal.ts';

export { checkResponse } from './check-response.ts';

/** What is taken from a body: nothing but these fields. */
export type InviteBody = { user_id: string; reason?: string };

/** Either what is wanted, or the code and the text to refuse with. */
export type Verdict<T> = { readonly valid: true; readonly value: T } | Refusal;

const isInviteByUserId = compiled<InviteBody>('#/components/schemas/InviteByUserId');
const isRoomIdParameter = compiled<string>('#/components/schemas/RoomId');

const THIRD_PARTY_DENIED: Refusal = {
  valid: false,
  errcode: 'M_THREEPID_DENIED',
  message: 'Users can be invited by their Matrix user ID only',
};

/**
 * Validates a parsed body. A failing `type` or `required`, or a lone surrogate, is `M_BAD_JSON`; where only a
 * `pattern` or a `format` fails, it is `M_INVALID_PARAM`. The third-party form is `M_THREEPID_DENIED`, unless
 * it has a `user_id` too: then that is meant.
 *
 * @param body any JSON value
 */
export function validateInviteBody(body: unknown): Verdict<InviteBody> {
  if (isInviteByUserId(body)) return { valid: true, value: fieldsOf(body) };
  if (isThirdPartyForm(body)) return THIRD_PARTY_DENIED;
  return refusal(isInviteByUserId.errors ?? [], { whole: 'the body', identifier: 'user ID' });
}

/**
 * Validates the path's room id, percent-decoded: `M_INVALID_PARAM` for a text that is none, `M_BAD_JSON` for
 * what is no text.
 */
export function validateRoomId(roomId: unknown): Verdict<string> {
  if (isRoomIdParameter(roomId)) return { valid: true, value: roomId };
  return refusal(isRoomIdParameter.errors ?? [], { whole: 'roomId', identifier: 'room ID' });
}

function fieldsOf(body: InviteBody): InviteBody {
  return Object.hasOwn(body, 'reason') && body.reason !== undefined
    ? { user_id: body.user_id, reason: body.reason }
    : { user_id: body.user_id };
}

/** The specification lets servers do without `id_access_token`, as its older clients do. */
function isThirdPartyForm(body: unknown): boolean {
  if (typeof body !== 'object' || body === null || Object.hasOwn(body, 'user_id')) return false;
  return hasOwnText(body, 'medium') && hasOwnText(body, 'address');
}

function hasOwnText(body: object, field: string): boolean {
  return typeof Object.getOwnPropertyDescriptor(body, field)?.value === 'string';
}
