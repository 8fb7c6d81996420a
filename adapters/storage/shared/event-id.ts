import { randomBytes } from 'node:crypto';
import type { JsonObject } from '../../../src/ports/storage.ts';
import { domainOf } from '../../../src/rooms/identifiers.ts';
import { roomVersionOf } from '../../../src/rooms/room-version.ts';

/**
 * Makes an event id: `$` and 43 random characters of URL-safe base64, as long as the hashes of room version 4 and
 * later. Room versions 1 and 2 put `:` and the sender's domain behind it (appendices, "Event IDs").
 *
 * @param createContent the content of the room's create event; without one, or in a room version that is not
 *   known, the id has no domain
 */
export function newEventId(sender: string, createContent: JsonObject | undefined): string {
  const eventId = `$${randomBytes(32).toString('base64url')}`;
  const version = createContent === undefined ? undefined : roomVersionOf(createContent);
  const domain = version?.eventIdHasDomain ? domainOf(sender) : undefined;
  return domain === undefined ? eventId : `${eventId}:${domain}`;
}
