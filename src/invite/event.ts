import type { PolicyRequest } from '../ports/policy.ts';
import type { Profile } from '../ports/user-directory.ts';
import type { JsonObject, JsonValue, NewStateEvent, StrippedStateEvent } from '../rooms/event.ts';
import { isSameJson } from '../rooms/same-json.ts';
import type { ServiceSetting } from './config.ts';
import { Deadline } from './deadline.ts';
import { eventTooLarge } from './refusals.ts';

/** The specification's limit for an event, in bytes of JSON (client-server API, "Size limits"). */
const MAX_EVENT_BYTES = 65_536;

/** How much of the deadline the profile may take: a store of profiles that hangs must leave time for the invite. */
const PROFILE_SHARE = 0.25;

/** The invitee's profile; an invite does not fail for want of one. */
export async function profileOf(
  { users, logger, deadlineMs }: Pick<ServiceSetting, 'users' | 'logger' | 'deadlineMs'>,
  userId: string,
  deadline: Deadline,
): Promise<Profile> {
  if (users?.getProfile === undefined) return {};
  const share = new Deadline(deadlineMs * PROFILE_SHARE, deadline.context.signal);
  try {
    return (await share.call('getProfile', (context) => users.getProfile?.(userId, context))) ?? {};
  } catch (err) {
    logger.warn({ err }, "The invitee's profile could not be read: the invite goes without");
    return {};
  } finally {
    deadline.failedCall ??= share.failedCall;
    share.end();
  }
}

/**
 * The member event of an invite (`m.room.member` with membership `invite`). Nothing else of the request gets in, and
 * a profile that would make it too large stays out.
 *
 * @throws {MatrixError} 413 when it is larger than an event may be. The form that counts is a homeserver's own;
 *   this one is smaller, so what it refuses would be refused there too.
 */
export function inviteEvent(request: PolicyRequest, profile: Profile): NewStateEvent {
  const event = eventWith(request, profile);
  if (isSmallEnough(event)) return event;
  const bareEvent = eventWith(request, {});
  checkSize(bareEvent);
  return bareEvent;
}

/** @throws {MatrixError} 413, see {@link inviteEvent} */
export function checkSize(event: NewStateEvent): void {
  if (!isSmallEnough(event)) throw eventTooLarge();
}

function eventWith({ requester, roomId, userId, reason }: PolicyRequest, profile: Profile): NewStateEvent {
  const content: JsonObject = { membership: 'invite' };
  if (reason !== undefined) content.reason = reason;
  const { displayname, avatar_url } = profile;
  if (isStorable(displayname)) content.displayname = displayname;
  if (isStorable(avatar_url) && avatar_url.startsWith('mxc://')) content.avatar_url = avatar_url;
  return {
    room_id: roomId,
    type: 'm.room.member',
    state_key: userId,
    sender: requester.userId,
    origin_server_ts: Date.now(),
    content,
  };
}

function isSmallEnough(event: NewStateEvent): boolean {
  return mostBytesOf(event) <= MAX_EVENT_BYTES || Buffer.byteLength(JSON.stringify(event)) <= MAX_EVENT_BYTES;
}

/** What an event's JSON takes at most, quickly: its size is asked for three times, and nearly always small. */
function mostBytesOf({ room_id, type, state_key, sender, content }: NewStateEvent): number {
  let characters = room_id.length + type.length + state_key.length + sender.length;
  for (const [key, value] of Object.entries(content)) {
    if (typeof value !== 'string') return Number.POSITIVE_INFINITY;
    characters += key.length + value.length + 1;
  }
  // `\uXXXX` is the longest form of a character, and as long as a field's quotes, colon and comma. The rest are the
  // names of the event's own fields, and the time.
  return characters * 6 + 200;
}

/** Whether a stored event is this one: the store keeps events under ids of its own, so the rest is compared. */
export function isSameInvite(event: NewStateEvent, stored: StrippedStateEvent): boolean {
  return stored.sender === event.sender && isSameJson(stored.content, event.content);
}

function isStorable(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value.isWellFormed();
}
