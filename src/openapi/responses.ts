import type { HeaderDescription, JsonContent, ResponseDescription } from './document.ts';

const retryAfter: HeaderDescription = {
  description: 'Seconds to wait before retrying.',
  required: true,
  schema: { type: 'integer', minimum: 1 },
};

const allow: HeaderDescription = {
  description: 'The methods that the path accepts.',
  required: true,
  schema: { type: 'string' },
};

const errorContent = json('Error');

/** The operation's `responses`: every status that this package itself returns. */
export const responses: Record<string, ResponseDescription> = {
  200: {
    description: 'The user is invited, by this request or an earlier one.',
    content: json('Invited'),
  },
  400: {
    description:
      'The request is invalid: not JSON (`M_NOT_JSON`), a missing field or one of the wrong type (`M_BAD_JSON`), ' +
      'an invalid Matrix identifier (`M_INVALID_PARAM`), a room version that this server does not support ' +
      '(`M_UNSUPPORTED_ROOM_VERSION`), a device ID that does not belong to the token (`M_UNKNOWN_DEVICE`), or an ' +
      'address of a user who cannot be found (`M_THREEPID_IN_USE`).',
    'x-errcodes': [
      'M_BAD_JSON',
      'M_NOT_JSON',
      'M_INVALID_PARAM',
      'M_UNSUPPORTED_ROOM_VERSION',
      'M_UNKNOWN_DEVICE',
      'M_THREEPID_IN_USE',
    ],
    content: errorContent,
  },
  401: {
    description:
      'No usable access token was sent (`M_MISSING_TOKEN`), it is unknown or has expired (`M_UNKNOWN_TOKEN`), or ' +
      'its account is locked (`M_USER_LOCKED`).',
    'x-errcodes': ['M_MISSING_TOKEN', 'M_UNKNOWN_TOKEN', 'M_USER_LOCKED'],
    content: json('UnauthorizedError'),
  },
  403: {
    description:
      'The invite is not allowed: the inviter is not in the room or has too little power, or the invitee is ' +
      'banned, already in the room or unknown (`M_FORBIDDEN`); the inviter is a guest ' +
      '(`M_GUEST_ACCESS_FORBIDDEN`) or suspended (`M_USER_SUSPENDED`); the invitee does not accept invites ' +
      '(`M_INVITE_BLOCKED`, since Matrix 1.18). Of an invite by address: this server does not support it ' +
      '(`M_THREEPID_DENIED`), or not for this kind of address (`M_THREEPID_MEDIUM_NOT_SUPPORTED`); this server does ' +
      'not use the identity server (`M_SERVER_NOT_TRUSTED`), or that server rejects the inviter ' +
      '(`M_UNAUTHORIZED`, `M_TERMS_NOT_SIGNED`).',
    'x-errcodes': [
      'M_FORBIDDEN',
      'M_GUEST_ACCESS_FORBIDDEN',
      'M_USER_SUSPENDED',
      'M_INVITE_BLOCKED',
      'M_THREEPID_DENIED',
      'M_THREEPID_MEDIUM_NOT_SUPPORTED',
      'M_SERVER_NOT_TRUSTED',
      'M_UNAUTHORIZED',
      'M_TERMS_NOT_SIGNED',
    ],
    content: errorContent,
  },
  405: {
    description: 'The method is not POST.',
    'x-errcodes': ['M_UNRECOGNIZED'],
    headers: { Allow: allow },
    content: errorContent,
  },
  408: {
    description: 'The body did not arrive in time. The server closes the connection.',
    'x-errcodes': ['M_UNKNOWN'],
    content: errorContent,
  },
  413: {
    description: 'The body, or the resulting event, is too large.',
    'x-errcodes': ['M_TOO_LARGE'],
    content: errorContent,
  },
  415: {
    description: 'The content encoding of the body is not supported.',
    'x-errcodes': ['M_NOT_JSON'],
    content: errorContent,
  },
  429: {
    description: 'Too many requests. The response does not say which limit was reached.',
    'x-errcodes': ['M_LIMIT_EXCEEDED'],
    headers: { 'Retry-After': retryAfter },
    content: json('RateLimitError'),
  },
  500: {
    description: 'An internal error of the server.',
    'x-errcodes': ['M_UNKNOWN'],
    content: errorContent,
  },
  502: {
    description: "The identity server, or the invitee's server, cannot be reached, or gave no valid answer.",
    'x-errcodes': ['M_UNKNOWN'],
    content: errorContent,
  },
  503: {
    description:
      'The server cannot process the request right now: a store is down, too slow or overloaded, or another request ' +
      'is inviting the same address.',
    'x-errcodes': ['M_UNKNOWN'],
    headers: { 'Retry-After': retryAfter },
    content: json('UnavailableError'),
  },
  504: {
    description: "The identity server, or the invitee's server, did not respond in time.",
    'x-errcodes': ['M_UNKNOWN'],
    content: errorContent,
  },
};

function json(schema: string): JsonContent {
  return { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } };
}
