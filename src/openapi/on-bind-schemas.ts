import type { Schema } from './document.ts';

/**
 * The body by which an identity server says that a user has an address. Each of its invites is validated on its own, so
 * that a broken one does not hold up the others.
 *
 * @see https://spec.matrix.org/v1.18/server-server-api/#put_matrixfederationv13pidonbind
 */
export const onBindSchema: Schema = {
  type: 'object',
  title: 'OnBind',
  properties: {
    medium: { type: 'string' },
    address: { type: 'string' },
    mxid: { type: 'string', format: 'mx-user-id', 'x-well-formed': true },
    invites: { type: 'array' },
  },
  // Not `invites`, although the specification requires it: sydent leaves it out if there are none.
  required: ['medium', 'address', 'mxid'],
};

/** One of its invites. `signed` is checked by the rules of the room. */
export const onBindInviteSchema: Schema = {
  type: 'object',
  title: 'OnBindInvite',
  properties: {
    room_id: { type: 'string', format: 'mx-room-id', 'x-well-formed': true },
    sender: { type: 'string', format: 'mx-user-id', 'x-well-formed': true },
    signed: { type: 'object' },
  },
  required: ['room_id', 'sender', 'signed'],
};
