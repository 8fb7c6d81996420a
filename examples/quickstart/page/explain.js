/** @import { RoomSummary } from '../demo-api.ts' */
/** @import { Exchange } from './exchange.js' */
import { nameOf } from './names.js';

/**
 * Explains the rule that decided.
 *
 * @param {Exchange} exchange
 * @param {RoomSummary} room the room's state before the invite was sent
 * @param {number} invitesPerMinute
 */
export function explain(exchange, room, invitesPerMinute) {
  const { forecast, response } = exchange;
  const isSameDecision = forecast.allowed === (response.status === 200);
  const by = isSameDecision ? forecast.explanation?.by : undefined;
  if (by === 'nothing') return allowed(exchange, room);
  if (by === 'pending') return pending(exchange, room);
  if (by === 'room') return roomRule(exchange, room);
  if (response.status === 429) return rateLimit(exchange, room, invitesPerMinute);
  if (response.status === 400) return `The request is invalid: ${response.body.error}.`;
  if (by === 'invitee') return `${exchange.invite.invitee} cannot be invited: ${response.body.error}.`;
  return response.status === 200 ? 'The invite was sent.' : `Refused: ${response.body.error}.`;
}

/**
 * @param {Exchange} exchange
 * @param {RoomSummary} room
 */
function allowed({ invite }, room) {
  const [inviter, invitee] = [nameOf(invite.inviter), nameOf(invite.invitee)];
  const power = powerIn(room, invite.inviter);
  return power === 'creator'
    ? `${inviter} created this room. In room version 12, creators outrank all power levels: ${inviter} can invite ` +
        `although inviting requires power ${room.inviteLevel} and the power levels do not list ${inviter}.`
    : `${inviter} is in the ${room.name.toLowerCase()} and has power ${power}. Inviting requires ${room.inviteLevel}. ` +
        `${invitee} is neither in the room nor banned, so ${inviter} can invite ${invitee}.`;
}

/**
 * @param {Exchange} exchange
 * @param {RoomSummary} room
 */
function pending({ invite }, room) {
  return (
    `${nameOf(invite.invitee)} already has an invite to the ${room.name.toLowerCase()}. The request changes nothing, ` +
    'so the response is another 200. It adds no event and counts in no rate limit.'
  );
}

/**
 * @param {Exchange} exchange
 * @param {RoomSummary} room
 */
function roomRule({ invite, forecast, response }, room) {
  const [inviter, invitee] = [nameOf(invite.inviter), nameOf(invite.invitee)];
  const roomName = `the ${room.name.toLowerCase()}`;
  switch (forecast.explanation?.reason) {
    case 'roomUnknownOrInviterNotJoined':
      return (
        `Only members can invite, and ${inviter} is not in ${roomName}. The response for a room that does not exist is ` +
        'the same, so nobody can find out which rooms exist.'
      );
    case 'inviteeBanned':
      return `${invitee} is banned from ${roomName}. Nobody can invite ${invitee} until the ban is lifted, whatever their power.`;
    case 'inviteeJoined':
      return `${invitee} is already in ${roomName}.`;
    case 'insufficientPower':
      return `Inviting to ${roomName} requires power ${room.inviteLevel}. ${inviter} has ${powerIn(room, invite.inviter)}.`;
    default:
      return `The rules of ${roomName} refuse the invite: ${response.body.error}.`;
  }
}

/**
 * @param {Exchange} exchange
 * @param {RoomSummary} room
 * @param {number} invitesPerMinute
 */
function rateLimit({ invite, forecast }, room, invitesPerMinute) {
  const inviter = nameOf(invite.inviter);
  const wait = 'The Retry-After header says how long to wait.';
  switch (forecast.explanation?.scope) {
    case 'inviter':
      return `${inviter} can send ${invitesPerMinute} invites per minute, and has sent all of them. ${wait}`;
    case 'room':
      return `The ${room.name.toLowerCase()} has had too many invites recently. ${wait}`;
    case 'invitee':
      return `${nameOf(invite.invitee)} has received too many invites recently. ${wait}`;
    default:
      return `${inviter} has sent too many requests. ${wait}`;
  }
}

/**
 * @param {RoomSummary} room
 * @param {string} userId
 */
function powerIn(room, userId) {
  return room.members.find((member) => member.userId === userId)?.power ?? 0;
}
