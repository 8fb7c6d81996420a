import type { HeaderDescription, JsonContent, ResponseDescription } from './document.ts';

const retryAfter: HeaderDescription = {
  description: 'Whole seconds to wait before the next try.',
  required: true,
  schema: { type: 'integer', minimum: 1 },
};

const allow: HeaderDescription = {
  description: 'The methods that the path answers.',
  required: true,
  schema: { type: 'string' },
};

const errorContent = json('Error');

/** The operation's `responses`: every status that this package answers by itself. */
export const responses: Record<string, ResponseDescription> = {
  200: {
    description: 'The user is invited, by this request or since before.',
    content: json('Invited'),
  },
  400: {
    description:
      'The request cannot be understood: no JSON (`M_NOT_JSON`), a missing or ill-typed field (`M_BAD_JSON`), ' +
      'something that is no Matrix identifier (`M_INVALID_PARAM`), a room of a version that this server does ' +
      'not know (`M_UNSUPPORTED_ROOM_VERSION`), or a device id that the token does not go with ' +
      '(`M_UNKNOWN_DEVICE`).',
    'x-errcodes': [
      'M_BAD_JSON',
      'M_NOT_JSON',
      'M_INVALID_PARAM',
      'M_UNSUPPORTED_ROOM_VERSION',
      'M_UNKNOWN_DEVICE',
    ],
    content: errorContent,
  },
  401: {
    description:
      'Nobody is logged in: no usable token came (`M_MISSING_TOKEN`), it is unknown or has expired ' +
      '(`M_UNKNOWN_TOKEN`), or its account is locked (`M_USER_LOCKED`).',
    'x-errcodes': ['M_MISSING_TOKEN', 'M_UNKNOWN_TOKEN', 'M_USER_LOCKED'],
    content: json('UnauthorizedError'),
  },
  403: {
    description:
      'The inviter may not: not in the room, too little power, or the invitee is banned, already in the room ' +
      'or unknown (`M_FORBIDDEN`); the inviter is a guest (`M_GUEST_ACCESS_FORBIDDEN`) or suspended ' +
      '(`M_USER_SUSPENDED`); the invitee takes no invites (`M_INVITE_BLOCKED`, since Matrix 1.18); the ' +
      'invitee is named by an address (`M_THREEPID_DENIED`).',
    'x-errcodes': [
      'M_FORBIDDEN',
      'M_GUEST_ACCESS_FORBIDDEN',
      'M_USER_SUSPENDED',
      'M_INVITE_BLOCKED',
      'M_THREEPID_DENIED',
    ],
    content: errorContent,
  },
  405: {
    description: 'Another method than POST was used.',
    'x-errcodes': ['M_UNRECOGNIZED'],
    headers: { Allow: allow },
    content: errorContent,
  },
  408: {
    description: 'The body did not arrive in time. The connection is closed.',
    'x-errcodes': ['M_UNKNOWN'],
    content: errorContent,
  },
  413: {
    description: 'The body, or the event that would come of it, is too large.',
    'x-errcodes': ['M_TOO_LARGE'],
    content: errorContent,
  },
  415: {
    description: 'The body is in a content encoding that cannot be read.',
    'x-errcodes': ['M_NOT_JSON'],
    content: errorContent,
  },
  429: {
    description: 'Too many requests. Which limit it was is not told.',
    'x-errcodes': ['M_LIMIT_EXCEEDED'],
    headers: { 'Retry-After': retryAfter },
    content: json('RateLimitError'),
  },
  500: {
    description: 'A fault of the server.',
    'x-errcodes': ['M_UNKNOWN'],
    content: errorContent,
  },
  503: {
    description: 'The server cannot do it right now: a store is down, too slow or overrun.',
    'x-errcodes': ['M_UNKNOWN'],
    headers: { 'Retry-After': retryAfter },
    content: errorContent,
  },
};

function json(schema: string): JsonContent {
  return { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } };
}
