import type { RoomStore } from 'express-matrix-invite';
import {
  BOB,
  CAROL,
  firstNewGuest,
  GARDEN,
  inviteesOf,
  LOBBY,
  MALLORY,
  SERVER_NAME,
  STAFF,
  STUDIO,
} from './rooms.ts';

/** The maximum number of invites a user may send per minute. It is low, so that the demo reaches it quickly. */
export const INVITES_PER_MINUTE = 3;

/** Commands to paste into bash, each with its expected output as bash comments. */
export async function curlLines(store: RoomStore, baseUrl: string): Promise<string[]> {
  const invite = (token: string, roomId: string, userId: string) => curl(baseUrl, token, roomId, userId);
  const noteOn = async (roomId: string, userId: string) =>
    (await inviteesOf(store, roomId)).includes(userId) ? ' (already invited: another 200, no new event)' : '';
  const guests = await newGuests(store, INVITES_PER_MINUTE + 1);

  return [
    `# Alice invites Bob to the lobby${await noteOn(LOBBY, BOB)}`,
    invite('alice-token', LOBBY, BOB),
    '# {} 200',
    '',
    `# Carol invites Bob to a version 12 room that she created${await noteOn(STUDIO, BOB)}`,
    invite('carol-token', STUDIO, BOB),
    '# {} 200',
    '',
    '# Refused: Bob has insufficient power to invite to the staff room',
    invite('bob-token', STAFF, CAROL),
    `# ${forbidden('You do not have permission to invite users to this room', 'ORG.MATRIX.MSC3848.INSUFFICIENT_POWER')}`,
    '',
    '# Refused: Mallory is banned from the garden',
    invite('alice-token', GARDEN, MALLORY),
    `# ${forbidden('The user is banned from the room', 'EXPRESS_MATRIX_INVITE.BANNED')}`,
    '',
    `# Rate limit: Dave may send ${INVITES_PER_MINUTE} invites per minute (retry_after_ms is the remaining wait in milliseconds)`,
    `for n in ${guests.join(' ')}; do ${invite('dave-token', GARDEN, `@guest'$n':${SERVER_NAME}`)}; done`,
    ...Array<string>(INVITES_PER_MINUTE).fill('# {} 200'),
    '# {"retry_after_ms":…,"errcode":"M_LIMIT_EXCEEDED","error":"Too many requests"} 429',
  ];
}

function curl(baseUrl: string, token: string, roomId: string, userId: string): string {
  // `%21` for `!`, because in double quotes bash expands `!lobby` as a command from its history.
  const room = encodeURIComponent(roomId).replace('!', '%21');
  return [
    `curl -sS -w ' %{http_code}\\n' '${baseUrl}/_matrix/client/v3/rooms/${room}/invite'`,
    `-H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json'`,
    `-d '{"user_id":"${userId}"}'`,
  ].join(' ');
}

function forbidden(error: string, reasonCode: string): string {
  const body = { 'org.matrix.msc3848.unstable.errcode': reasonCode, errcode: 'M_FORBIDDEN', error };
  return `${JSON.stringify(body)} 403`;
}

/** Numbers of guests without an invite. Inviting a user again counts in no rate limit. */
async function newGuests(store: RoomStore, count: number): Promise<number[]> {
  const first = firstNewGuest(await inviteesOf(store, GARDEN));
  return Array.from({ length: count }, (_, index) => first + index);
}
