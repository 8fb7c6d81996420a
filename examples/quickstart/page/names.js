/** @import { RoomEvent } from '../demo-api.ts' */

/**
 * Returns "Alice" for `@alice:localhost`. Returns a string that is not a user ID unchanged.
 *
 * @param {string} userId
 */
export function nameOf(userId) {
  const localpart = /^@([^:]+):/.exec(userId)?.[1];
  return localpart === undefined ? userId : localpart.charAt(0).toUpperCase() + localpart.slice(1);
}

/**
 * Describes an event, without its reason.
 *
 * @param {RoomEvent} event
 */
export function phraseOf({ type, sender, stateKey, membership, membershipBefore }) {
  const name = nameOf(sender);
  const target = nameOf(stateKey);
  if (type === 'm.room.create') return `${name} created the room`;
  if (type === 'm.room.power_levels') return `${name} set the power levels`;
  if (type !== 'm.room.member') return `${name} sent ${type}`;
  if (membership === 'invite') return `${name} invited ${target}`;
  if (membership === 'ban') return `${name} banned ${target}`;
  if (membership === 'join') return `${target} joined`;
  if (membership === 'leave' && sender === stateKey) {
    return membershipBefore === 'invite' ? `${target} declined` : `${target} left`;
  }
  if (membership === 'leave')
    return `${name} ${membershipBefore === 'ban' ? 'unbanned' : 'removed'} ${target}`;
  return `${target}: ${membership}`;
}
