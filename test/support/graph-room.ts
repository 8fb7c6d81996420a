import { signingKey } from '../../src/pdu/index.ts';
import type { NewRoom } from '../../src/ports/storage.ts';
import { ALICE, member, NAME } from './storage-room.ts';

/** Signs for example.org. */
export const SIGNER = signingKey('ed25519:1', 'example.org', Buffer.alloc(32, 7));

/** Returns a room to create that federates, which Alice has joined. */
export function newFederatedRoom(roomVersion = '11'): {
  roomVersion: string;
  creator: string;
  state: NewRoom['state'];
} {
  const event = { sender: ALICE, origin_server_ts: 1_700_000_000_000 };
  return {
    roomVersion,
    creator: ALICE,
    state: [
      { ...event, ...member(ALICE), content: { membership: 'join' } },
      { ...event, ...NAME, content: { name: 'A room' } },
    ],
  };
}
