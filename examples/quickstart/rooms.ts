import type { JsonObject, NewRoom, RoomStore } from 'express-matrix-invite';

export const SERVER_NAME = 'localhost';

export const ALICE = '@alice:localhost';
export const BOB = '@bob:localhost';
export const CAROL = '@carol:localhost';
export const DAVE = '@dave:localhost';
export const MALLORY = '@mallory:localhost';

/** Fixed, so that the printed commands stay the same. In production, tokens are secret and random. */
export const TOKENS = {
  'alice-token': ALICE,
  'bob-token': BOB,
  'carol-token': CAROL,
  'dave-token': DAVE,
} as const;

/** Every member may invite. */
export const LOBBY = '!lobby:localhost';
/** Bob is a member, but inviting requires power 50, and he has 0. */
export const STAFF = '!staff:localhost';
/** Mallory is banned. */
export const GARDEN = '!garden:localhost';
/** Room version 12: the ID has no domain, and a homeserver derives it from the create event. Carol created it. */
export const STUDIO = '!quickstart_room_of_version_12_has_no_domain';

const ROOMS: readonly NewRoom[] = [
  newRoom(LOBBY, ALICE, { [ALICE]: 'join' }),
  newRoom(STAFF, ALICE, { [ALICE]: 'join', [BOB]: 'join' }, { invite: 50 }),
  newRoom(GARDEN, ALICE, { [ALICE]: 'join', [DAVE]: 'join', [MALLORY]: 'ban' }),
  newRoom(STUDIO, CAROL, { [CAROL]: 'join' }, { invite: 100 }, '12'),
];

export const ROOM_IDS = ROOMS.map(({ roomId }) => roomId);

/** The rooms' names on the page. */
export const ROOM_NAMES: Readonly<Record<string, string>> = {
  [LOBBY]: 'Lobby',
  [STAFF]: 'Staff room',
  [GARDEN]: 'Garden',
  [STUDIO]: 'Studio',
};

/** Returns the users whom a room starts with, and their memberships. */
export function membershipsAtStart(roomId: string): ReadonlyMap<string, string> {
  const state = ROOMS.find((room) => room.roomId === roomId)?.state ?? [];
  return new Map(
    state
      .filter(({ type }) => type === 'm.room.member')
      .map(({ state_key, content }) => [state_key, String(content.membership)]),
  );
}

/** Creates the rooms that do not exist yet. Existing rooms keep their state. */
export async function createMissingRooms(store: RoomStore): Promise<void> {
  for (const room of ROOMS) await store.createRoom(room);
}

/** Returns the users with a pending invite to a room. */
export async function inviteesOf(store: RoomStore, roomId: string): Promise<string[]> {
  const state = (await store.roomState(roomId)) ?? [];
  return state
    .filter(({ type, content }) => type === 'm.room.member' && content.membership === 'invite')
    .map(({ state_key }) => state_key);
}

/** Returns all pending invites, one line per room. */
export async function describeInvites(store: RoomStore): Promise<string[]> {
  const lines: string[] = [];
  for (const { roomId } of ROOMS) {
    const invitees = await inviteesOf(store, roomId);
    if (invitees.length > 0) lines.push(`${roomId}: ${invitees.join(', ')}`);
  }
  return lines;
}

/** Returns a room's initial state: create event, power levels and members. */
function newRoom(
  roomId: string,
  creator: string,
  members: Readonly<Record<string, 'join' | 'ban'>>,
  { invite }: { readonly invite: number } = { invite: 0 },
  roomVersion = '11',
): NewRoom {
  const event = (type: string, state_key: string, sender: string, content: JsonObject) => ({
    type,
    state_key,
    sender,
    origin_server_ts: Date.now(),
    content,
  });
  // In version 12, creators outrank all power levels and must not be listed.
  const users: JsonObject = roomVersion === '12' ? {} : { [creator]: 100 };
  return {
    roomId,
    state: [
      event('m.room.create', '', creator, { room_version: roomVersion }),
      event('m.room.member', creator, creator, { membership: 'join' }),
      event('m.room.power_levels', '', creator, { users, users_default: 0, invite }),
      ...Object.entries(members)
        .filter(([userId]) => userId !== creator)
        .map(([userId, membership]) =>
          event('m.room.member', userId, membership === 'join' ? userId : creator, { membership }),
        ),
    ],
  };
}

/** Returns the first number for which neither `@guest<number>` nor any higher guest is among the users. */
export function firstNewGuest(userIds: readonly string[]): number {
  const numbers = userIds.map((userId) => Number(/^@guest(\d{1,15}):/.exec(userId)?.[1]));
  return Math.max(0, ...numbers.filter(Number.isInteger)) + 1;
}
