import type { NewStateEvent } from '../rooms/event.ts';
import type { Pdu } from './pdu.ts';

/**
 * Returns the state event that a PDU contains, in Matrix's client format.
 *
 * @param roomId the room's ID, which the create event of a room of version 12 lacks
 */
export function stateEventOf(pdu: Pdu, roomId = pdu.room_id ?? ''): NewStateEvent {
  const { type, state_key = '', sender, origin_server_ts, content } = pdu;
  return { room_id: roomId, type, state_key, sender, origin_server_ts, content };
}
