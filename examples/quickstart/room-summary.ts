import type { JsonObject, StateEvent } from 'express-matrix-invite';
import type { Member, RoomEvent, RoomSummary } from './demo-api.ts';
import { firstNewGuest, ROOM_NAMES } from './rooms.ts';

const MAX_MEMBERS = 50;
/** Enough for the timeline. The reason may fill nearly all of a 64 KiB event, and is sent again with every change of the room. */
const MAX_REASON_LENGTH = 120;

/** Returns the data that the page shows of a room. */
export function summaryOf(
  roomId: string,
  state: readonly StateEvent[],
  newestEvents: readonly RoomEvent[],
  eventCount: number,
): RoomSummary {
  const create = state.find(({ type }) => type === 'm.room.create');
  const levels = state.find(({ type }) => type === 'm.room.power_levels')?.content ?? {};
  const version = String(create?.content.room_version ?? '1');
  const members = state
    .filter(({ type }) => type === 'm.room.member')
    .map(({ state_key, content }): Member => {
      const power = version === '12' && state_key === create?.sender ? 'creator' : levelOf(levels, state_key);
      return { userId: state_key, membership: String(content.membership), power };
    })
    .filter(({ membership }) => membership !== 'leave');
  const invited = members.filter(({ membership }) => membership === 'invite');
  const others = members.filter(({ membership }) => membership !== 'invite');
  return {
    id: roomId,
    name: ROOM_NAMES[roomId] ?? roomId,
    version,
    inviteLevel: Number(levels.invite ?? 0),
    // The state is in commit order.
    members: [...others, ...invited.toReversed()].slice(0, MAX_MEMBERS),
    memberCount: members.length,
    events: newestEvents,
    eventCount,
    nextGuest: firstNewGuest(members.map(({ userId }) => userId)),
  };
}

/** @param membershipBefore the membership that the event replaces, if it is a membership */
export function roomEventOf(event: StateEvent, membershipBefore: string | undefined): RoomEvent {
  const { membership, reason } = event.content;
  return {
    id: event.event_id,
    at: event.origin_server_ts,
    type: event.type,
    sender: event.sender,
    stateKey: event.state_key,
    ...(typeof membership === 'string' && { membership }),
    ...(membership !== undefined && membershipBefore !== undefined && { membershipBefore }),
    ...(typeof reason === 'string' && reasonFields(reason)),
  };
}

/** Enough for the demo's rooms, whose levels are integers. The endpoint itself reads them by the room version. */
function levelOf(levels: JsonObject, userId: string): number {
  const users = (levels.users ?? {}) as JsonObject;
  return Number(Object.hasOwn(users, userId) ? users[userId] : (levels.users_default ?? 0));
}

function reasonFields(text: string): Pick<RoomEvent, 'reason' | 'isReasonShortened'> {
  const characters = [...text.slice(0, 2 * MAX_REASON_LENGTH)];
  if (characters.length <= MAX_REASON_LENGTH) return { reason: text };
  return { reason: `${characters.slice(0, MAX_REASON_LENGTH).join('')}…`, isReasonShortened: true };
}
