import { randomBlock } from '../../../src/internal/random-block.ts';
import type { JsonObject } from '../../../src/rooms/event.ts';
import { domainOf } from '../../../src/rooms/identifiers.ts';
import { roomVersionOf } from '../../../src/rooms/room-version.ts';

const randomCharacters = randomBlock(32, 128, (block, start, end) => block.toString('base64url', start, end));

/**
 * Returns a new event ID: `$` and 43 random characters of URL-safe base64, as long as the hashes of room version 4 and
 * later. Room versions 1 and 2 append `:` and the sender's domain (appendices, "Event IDs").
 *
 * @param createContent the content of the room's create event; if it is undefined or names an unknown room version, the
 *   ID has no domain
 */
export function newEventId(sender: string, createContent: JsonObject | undefined): string {
  const eventId = `$${randomCharacters()}`;
  const version = createContent === undefined ? undefined : roomVersionOf(createContent);
  const domain = version?.eventIdHasDomain ? domainOf(sender) : undefined;
  return domain === undefined ? eventId : `${eventId}:${domain}`;
}
