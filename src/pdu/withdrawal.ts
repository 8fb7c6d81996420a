import { fieldOf } from '../rooms/content.ts';
import { domainOf } from '../rooms/identifiers.ts';
import { eventIdOf, referredIds } from './event-id.ts';
import type { Pdu } from './pdu.ts';
import { type PublicKeys, verifyPdu } from './verify.ts';

/**
 * Returns true if an event withdraws an invite, in a way that a server outside the room can verify: it is a leave or a ban of
 * the invited user, sent and signed by the inviter, like the invite, and has this invite among its auth events.
 *
 * @param invite the invite, checked by `pduFault`
 * @param pdu the other event, checked by `pduFault`
 * @param keys the keys of the inviter's server that are valid for `pdu`
 * @throws {RangeError} for an unknown room version
 */
export function isWithdrawalOf(invite: Pdu, pdu: Pdu, roomVersion: string, keys: PublicKeys): boolean {
  const membership = fieldOf(pdu.content, 'membership');
  return (
    pdu.type === 'm.room.member' &&
    (membership === 'leave' || membership === 'ban') &&
    pdu.room_id === invite.room_id &&
    pdu.state_key === invite.state_key &&
    pdu.sender === invite.sender &&
    referredIds(pdu.auth_events).includes(eventIdOf(invite, roomVersion)) &&
    verifyPdu(pdu, roomVersion, domainOf(invite.sender) ?? '', keys) === 'valid'
  );
}
