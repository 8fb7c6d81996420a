import { randomBytes } from 'node:crypto';
import type { JsonObject } from '../../../src/rooms/event.ts';
import { domainOf } from '../../../src/rooms/identifiers.ts';
import { roomVersionOf } from '../../../src/rooms/room-version.ts';

const ID_BYTES = 32;
/** Random bytes for many ids, and where those begin that no id has: a call of `randomBytes` costs more than an id. */
let block = Buffer.alloc(0);
let start = 0;

function nextText(): string {
  if (start === block.length) {
    block = randomBytes(128 * ID_BYTES);
    start = 0;
  }
  const end = start + ID_BYTES;
  const text = block.toString('base64url', start, end);
  start = end;
  return text;
}

/**
 * Makes an event id: `$` and 43 random characters of URL-safe base64, as long as the hashes of room version 4 and
 * later. Room versions 1 and 2 put `:` and the sender's domain behind it (appendices, "Event IDs").
 *
 * @param createContent the content of the room's create event; without one, or in a room version that is not
 *   known, the id has no domain
 */
export function newEventId(sender: string, createContent: JsonObject | undefined): string {
  const eventId = `$${nextText()}`;
  const version = createContent === undefined ? undefined : roomVersionOf(createContent);
  const domain = version?.eventIdHasDomain ? domainOf(sender) : undefined;
  return domain === undefined ? eventId : `${eventId}:${domain}`;
}
