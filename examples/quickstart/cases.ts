import { INVITES_PER_MINUTE } from './curl-lines.ts';
import type { Case } from './demo-api.ts';
import { ALICE, BOB, CAROL, DAVE, GARDEN, LOBBY, MALLORY, STAFF, STUDIO } from './rooms.ts';

/** The cases that the page offers as buttons. */
export const CASES: readonly Case[] = [
  {
    id: 'banned',
    title: 'Banned',
    about: 'Alice invites Mallory to the garden',
    inviter: ALICE,
    roomId: GARDEN,
    invitee: MALLORY,
    times: 1,
  },
  {
    id: 'not-a-member',
    title: 'Not a member',
    about: 'Carol invites Bob to the lobby',
    inviter: CAROL,
    roomId: LOBBY,
    invitee: BOB,
    times: 1,
  },
  {
    id: 'insufficient-power',
    title: 'Insufficient power',
    about: 'Bob invites Carol to the staff room',
    inviter: BOB,
    roomId: STAFF,
    invitee: CAROL,
    times: 1,
  },
  {
    id: 'rate-limited',
    title: 'Rate limited',
    about: `Dave invites ${INVITES_PER_MINUTE + 1} guests to the garden`,
    inviter: DAVE,
    roomId: GARDEN,
    invitee: 'newGuest',
    times: INVITES_PER_MINUTE + 1,
  },
  {
    id: 'already-invited',
    title: 'Already invited',
    about: 'Alice invites Bob to the lobby, twice',
    inviter: ALICE,
    roomId: LOBBY,
    invitee: BOB,
    times: 2,
  },
  {
    id: 'creator',
    title: 'Version 12 creator',
    about: 'Carol invites a guest to the studio',
    inviter: CAROL,
    roomId: STUDIO,
    invitee: 'newGuest',
    times: 1,
  },
];
