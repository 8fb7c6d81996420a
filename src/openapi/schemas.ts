import type { Schema } from './document.ts';

const roomId: Schema = {
  type: 'string',
  title: 'RoomId',
  description:
    'A room ID, at most 255 bytes of UTF-8: with a domain in room versions 1 to 11, without one in later versions.',
  format: 'mx-room-id',
  pattern: '^!',
  examples: ['!d41d8cd:matrix.org'],
};

const inviteByUserId: Schema = {
  type: 'object',
  title: 'InviteByUserId',
  description: 'Invites a user by Matrix user ID. Other fields are ignored.',
  properties: {
    user_id: {
      type: 'string',
      description: 'The invitee: a full user ID, at most 255 bytes of UTF-8.',
      format: 'mx-user-id',
      pattern: '^@',
      'x-well-formed': true,
    },
    reason: {
      type: 'string',
      description: 'Becomes the `reason` of the membership event.',
      'x-well-formed': true,
      'x-addedInMatrixVersion': '1.1',
    },
  },
  required: ['user_id'],
  examples: [{ user_id: '@alice:example.org', reason: 'We meet here on Fridays' }],
};

const inviteByThirdPartyId: Schema = {
  type: 'object',
  title: 'InviteByThirdPartyId',
  description:
    'Invites the owner of an email address or a phone number. A server that does not support it rejects it with 403 ' +
    '`M_THREEPID_DENIED`, even without `id_server` and `id_access_token`. A body that also has `user_id` is an ' +
    '`InviteByUserId`.',
  properties: {
    id_server: {
      type: 'string',
      description: 'Host name and optional port of the identity server.',
      'x-well-formed': true,
    },
    id_access_token: {
      type: 'string',
      description: "The inviter's access token for the identity server.",
      'x-well-formed': true,
    },
    medium: {
      type: 'string',
      description: 'The kind of address, such as `email` or `msisdn`.',
      'x-well-formed': true,
    },
    address: { type: 'string', description: 'The address.', 'x-well-formed': true },
  },
  required: ['id_server', 'id_access_token', 'medium', 'address'],
};

const invited: Schema = {
  type: 'object',
  title: 'Invited',
  description: 'An empty object.',
  examples: [{}],
};

const error: Schema = {
  type: 'object',
  title: 'Error',
  description: 'An error.',
  properties: {
    errcode: { type: 'string', description: 'For programs.', pattern: '^[A-Z0-9_.]+$' },
    error: { type: 'string', description: 'A message for people. Its wording may change.' },
  },
  required: ['errcode', 'error'],
  examples: [{ errcode: 'M_FORBIDDEN', error: 'The user is banned from the room' }],
};

const unauthorizedError: Schema = {
  title: 'UnauthorizedError',
  description: 'An error that also says whether the session is still valid.',
  allOf: [
    { $ref: '#/components/schemas/Error' },
    {
      type: 'object',
      properties: {
        soft_logout: {
          type: 'boolean',
          description:
            'True: the client may keep its stored data, including encryption keys, and log in again (expired ' +
            'token) or wait (locked account). False or absent: the session is gone.',
        },
      },
    },
  ],
};

const withRetryAfterMs: Schema['allOf'] = [
  { $ref: '#/components/schemas/Error' },
  {
    type: 'object',
    properties: {
      retry_after_ms: {
        type: 'integer',
        minimum: 1,
        deprecated: true,
        description: 'Milliseconds to wait before retrying. For clients that do not read `Retry-After`.',
      },
    },
    required: ['retry_after_ms'],
  },
];

const rateLimitError: Schema = {
  title: 'RateLimitError',
  description: 'An error that also says when to retry.',
  allOf: withRetryAfterMs,
};

const unavailableError: Schema = {
  title: 'UnavailableError',
  description: 'A temporary failure, which also says when to retry.',
  allOf: withRetryAfterMs,
};

/** `components.schemas` of the description. */
export const schemas: Record<string, Schema> = {
  RoomId: roomId,
  InviteByUserId: inviteByUserId,
  InviteByThirdPartyId: inviteByThirdPartyId,
  Invite: {
    title: 'Invite',
    anyOf: [
      { $ref: '#/components/schemas/InviteByUserId' },
      { $ref: '#/components/schemas/InviteByThirdPartyId' },
    ],
  },
  Invited: invited,
  Error: error,
  UnauthorizedError: unauthorizedError,
  RateLimitError: rateLimitError,
  UnavailableError: unavailableError,
};
