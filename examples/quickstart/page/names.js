/** @import { RoomEvent } from '../demo-api.ts' */

/**
 * "Alice" for `@alice:localhost`; what is no user id stays what it is.
 *
 * @param {string} userId
 */
export function nameOf(userId) {
  const localpart = /^@([^:]+):/.exec(userId)?.[1];
  return localpart === undefined ? userId : localpart.charAt(0).toUpperCase() + localpart.slice(1);
}

/**
 * What happened, without the reason.
 *
 * @param {RoomEvent} event
 */
export function phraseOf({ type, sender, stateKey, membership }) {
  const who = nameOf(sender);
  const whom = nameOf(stateKey);
  if (type === 'm.room.create') return `${who} made the room`;
  if (type === 'm.room.power_levels') return `${who} set the power levels`;
  if (type !== 'm.room.member') return `${who} sent ${type}`;
  if (membership === 'invite') return `${who} invited ${whom}`;
  if (membership === 'ban') return `${who} banned ${whom}`;
  if (membership === 'join') return `${whom} joined`;
  return `${whom}: ${membership}`;
}
