import { fieldOf } from './content.ts';
import type { StateKey, StrippedStateEvent } from './event.ts';
import { isServerName } from './identifiers.ts';
import { isPublicKey } from './public-key.ts';
import { find } from './room-state.ts';

export const POLICY_KEY: StateKey = { type: 'm.room.policy', state_key: '' };

/** The ID of the key of every policy server. It is in the room's state, and in no server's list of keys. */
export const POLICY_KEY_ID = 'ed25519:policy_server';

/** The server that must sign the events of a room. */
export type PolicyServer = {
  readonly serverName: string;
  /** In unpadded base64, as in the event. */
  readonly publicKey: string;
};

/**
 * Returns the policy server that a room's state names. It is in force only if it also has a joined member in the room.
 *
 * @returns undefined if there is no event, or one that the specification says to ignore
 * @see https://spec.matrix.org/v1.18/server-server-api/#determining-if-a-policy-server-is-enabled-in-a-room
 */
export function policyServerIn(events: readonly StrippedStateEvent[]): PolicyServer | undefined {
  const content = find(events, POLICY_KEY)?.content;
  const serverName = fieldOf(content, 'via');
  const publicKey = fieldOf(fieldOf(content, 'public_keys'), 'ed25519');
  if (typeof serverName !== 'string' || !isServerName(serverName)) return undefined;
  return isPublicKey(publicKey) ? { serverName, publicKey } : undefined;
}
