import { INVITES_PER_MINUTE } from './curl-lines.ts';
import type { Case } from './demo-api.ts';
import { ALICE, BOB, CAROL, DAVE, GARDEN, LOBBY, MALLORY, STAFF, STUDIO } from './rooms.ts';

/** The page's buttons. */
export const CASES: readonly Case[] = [
  {
    id: 'banned',
    title: 'Banned',
    about: 'Alice invites Mallory into the garden',
    as: ALICE,
    roomId: GARDEN,
    invitee: MALLORY,
    times: 1,
  },
  {
    id: 'not-in-the-room',
    title: 'Not in the room',
    about: 'Carol invites Bob into the lobby',
    as: CAROL,
    roomId: LOBBY,
    invitee: BOB,
    times: 1,
  },
  {
    id: 'too-little-power',
    title: 'Too little power',
    about: 'Bob invites Carol into the staff room',
    as: BOB,
    roomId: STAFF,
    invitee: CAROL,
    times: 1,
  },
  {
    id: 'rate-limited',
    title: 'Rate limited',
    about: `Dave invites ${INVITES_PER_MINUTE + 1} guests into the garden`,
    as: DAVE,
    roomId: GARDEN,
    invitee: 'newGuest',
    times: INVITES_PER_MINUTE + 1,
  },
  {
    id: 'already-invited',
    title: 'Already invited',
    about: 'Alice invites Bob into the lobby, twice',
    as: ALICE,
    roomId: LOBBY,
    invitee: BOB,
    times: 2,
  },
  {
    id: 'creator',
    title: 'Version 12 creator',
    about: 'Carol invites a guest into the studio',
    as: CAROL,
    roomId: STUDIO,
    invitee: 'newGuest',
    times: 1,
  },
];
