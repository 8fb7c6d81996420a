/** @import { RoomSummary } from '../demo-api.ts' */
/** @import { Exchange } from './exchange.js' */
import { nameOf } from './names.js';

/**
 * The rule that decided, in plain words.
 *
 * @param {Exchange} exchange
 * @param {RoomSummary} room as it was when the invite was sent
 * @param {number} invitesPerMinute
 */
export function plainWords(exchange, room, invitesPerMinute) {
  const { forecast, answer } = exchange;
  const wasForeseen = forecast.allowed === (answer.status === 200);
  const by = wasForeseen ? forecast.explanation?.by : undefined;
  if (by === 'nothing') return allowed(exchange, room);
  if (by === 'pending') return pending(exchange, room);
  if (by === 'room') return roomRule(exchange, room);
  if (answer.status === 429) return rateLimit(exchange, room, invitesPerMinute);
  if (answer.status === 400) return `The request cannot be understood: ${answer.body.error}.`;
  if (by === 'invitee') return invitee(exchange);
  return answer.status === 200 ? 'The invite is there.' : `Refused: ${answer.body.error}.`;
}

/**
 * @param {Exchange} exchange
 * @param {RoomSummary} room
 */
function allowed({ invite }, room) {
  const [who, whom] = [nameOf(invite.as), nameOf(invite.invitee)];
  const power = powerIn(room, invite.as);
  return power === 'creator'
    ? `${who} made this room. In room version 12 a creator stands above all power levels: that inviting takes ` +
        `${room.inviteLevel} does not matter, and the power levels need not list ${who}. ${whom} is invited.`
    : `${who} is in the ${room.name.toLowerCase()} and has power ${power}; inviting takes ${room.inviteLevel}. ` +
        `${whom} is neither in the room nor banned, so ${whom} is invited.`;
}

/**
 * @param {Exchange} exchange
 * @param {RoomSummary} room
 */
function pending({ invite }, room) {
  const whom = nameOf(invite.invitee);
  return (
    `${whom} has an invite to the ${room.name.toLowerCase()} already. Nothing would change, so the answer is 200 ` +
    'once more, no event is added, and no limit counts it.'
  );
}

/**
 * @param {Exchange} exchange
 * @param {RoomSummary} room
 */
function roomRule({ invite, forecast, answer }, room) {
  const [who, whom, where] = [nameOf(invite.as), nameOf(invite.invitee), `the ${room.name.toLowerCase()}`];
  switch (forecast.explanation?.reason) {
    case 'roomUnknownOrInviterNotJoined':
      return (
        `Only members invite, and ${who} is not in ${where}. A room that does not exist is answered alike, ` +
        'so that nobody can find out which rooms there are.'
      );
    case 'inviteeBanned':
      return `${whom} is banned from ${where}. Until the ban is lifted nobody can invite ${whom}, whatever their power.`;
    case 'inviteeJoined':
      return `${whom} is in ${where} already.`;
    case 'insufficientPower':
      return `Inviting into ${where} takes power ${room.inviteLevel}, and ${who} has ${powerIn(room, invite.as)}.`;
    default:
      return `The rules of ${where} refuse it: ${answer.body.error}.`;
  }
}

/**
 * @param {Exchange} exchange
 * @param {RoomSummary} room
 * @param {number} invitesPerMinute
 */
function rateLimit(exchange, room, invitesPerMinute) {
  const who = nameOf(exchange.invite.as);
  const wait = 'Retry-After says how long to wait.';
  switch (exchange.forecast.explanation?.scope) {
    case 'inviter':
      return `${who} may send ${invitesPerMinute} invites a minute, and has sent them. ${wait}`;
    case 'room':
      return `The ${room.name.toLowerCase()} has had many invites lately. ${wait}`;
    case 'invitee':
      return `${nameOf(exchange.invite.invitee)} has had many invites lately. ${wait}`;
    default:
      return `${who} asks too often. ${wait}`;
  }
}

/** @param {Exchange} exchange */
function invitee({ invite, answer }) {
  return `${invite.invitee} cannot be invited here: ${answer.body.error}.`;
}

/**
 * @param {RoomSummary} room
 * @param {string} userId
 */
function powerIn(room, userId) {
  return room.members.find((member) => member.userId === userId)?.power ?? 0;
}
