import { isInviteByThirdPartyId, isInviteByUserId, isRoomId } from './compiled/requests.js';
import type { ValidationError } from './validation.ts';

/** The fields that are read from a body. All others are ignored. */
export type InviteBody = { user_id: string; reason?: string };

/** The fields of an invite by address. All others are ignored. */
export type AddressInviteBody = {
  id_server: string;
  id_access_token: string;
  medium: string;
  address: string;
};

/** The error for an invalid value; `message` says what is wrong and never quotes the value. */
type Invalid = {
  readonly valid: false;
  readonly errcode: 'M_BAD_JSON' | 'M_INVALID_PARAM' | 'M_THREEPID_DENIED';
  readonly message: string;
};

/** The valid value, or the error code and message. */
export type Verdict<T> = { readonly valid: true; readonly value: T } | Invalid;

const THIRD_PARTY_FIELDS = ['id_server', 'id_access_token', 'medium', 'address'] as const;

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

/** Returns true if a body names the invitee by address: it has a field of that form, and no `user_id`. */
export function isByAddress(body: unknown): body is object {
  if (typeof body !== 'object' || body === null || Object.hasOwn(body, 'user_id')) return false;
  return THIRD_PARTY_FIELDS.some((field) => Object.hasOwn(body, field));
}

/** Validates a parsed body that {@link isByAddress}: what is missing or has the wrong type is `M_BAD_JSON`. */
export function validateAddressInviteBody(body: unknown): Verdict<AddressInviteBody> {
  if (isInviteByThirdPartyId(body)) return { valid: true, value: body };
  return invalid(isInviteByThirdPartyId.errors ?? [], { whole: 'the body', identifier: 'address' });
}

/**
 * Validates the room ID of the path, percent-decoded: `M_INVALID_PARAM` for a string that is not a room ID, `M_BAD_JSON`
 * for anything that is not a string.
 */
export function validateRoomId(roomId: unknown): Verdict<string> {
  if (isRoomId(roomId)) return { valid: true, value: roomId };
  return invalid(isRoomId.errors ?? [], { whole: 'roomId', identifier: 'room ID' });
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

/** The name of the validated value in messages, as in `the body` and `user ID`. */
type Subject = { readonly whole: string; readonly identifier: string };

/**
 * Turns Ajv's errors into one error: `M_INVALID_PARAM` if everything has the right type and only a `pattern` or a `format`
 * fails, otherwise `M_BAD_JSON`. The message lists all problems with that code.
 */
export function invalid(errors: readonly ValidationError[], subject: Subject): Invalid {
  const ofType = errors.filter((error) => !isAboutFormat(error));
  const listed = ofType.length > 0 ? ofType : errors;
  return {
    valid: false,
    errcode: ofType.length > 0 ? 'M_BAD_JSON' : 'M_INVALID_PARAM',
    message: [...new Set(listed.map((error) => explain(error, subject)))].join('; '),
  };
}

function isAboutFormat(error: ValidationError): boolean {
  return error.keyword === 'pattern' || error.keyword === 'format';
}

const NAMES_OF_TYPES: Readonly<Record<string, string>> = { object: 'a JSON object', array: 'an array' };

function explain(error: ValidationError, { whole, identifier }: Subject): string {
  const field = error.instancePath === '' ? whole : error.instancePath.slice(1);
  switch (error.keyword) {
    case 'type':
      return `${field} must be ${NAMES_OF_TYPES[String(error.params.type)] ?? `a ${error.params.type}`}`;
    case 'required':
      return `${error.params.missingProperty} is required`;
    case 'maxItems':
      return `${field} must have at most ${error.params.limit} items`;
    case 'x-well-formed':
      return `${field} must be well-formed Unicode`;
    default:
      return `${field} is not a Matrix ${identifier}`;
  }
}
