import { isFault } from '../internal/fault.ts';
import { handleRejection, ignoreRejections, isThenable } from '../internal/unawaited.ts';
import type { Requester } from '../ports/auth.ts';
import type { PolicyRequest } from '../ports/policy.ts';
import type { Profile } from '../ports/user-directory.ts';
import { isSameJson } from '../rooms/content.ts';
import type { JsonObject, JsonValue, NewStateEvent, StrippedStateEvent } from '../rooms/event.ts';
import { Deadline } from './deadline.ts';
import { type Refused, refused } from './decision.ts';
import { eventTooLarge } from './refusals.ts';
import { isLocalInvitee } from './remote.ts';
import type { Run } from './run.ts';

/**
 * The maximum size of an event, in bytes of JSON.
 *
 * @see https://spec.matrix.org/v1.18/client-server-api/#size-limits
 */
const MAX_EVENT_BYTES = 65_536;

/** The share of the deadline for reading the profile: a profile store that hangs must leave time for the invite. */
const PROFILE_SHARE = 0.25;

/**
 * Returns the event of an invite without a profile (`m.room.member` with membership `invite`), or the refusal if it is
 * too large. A homeserver's own form of the event is even larger: an event that is refused here would be refused there
 * too.
 */
export function bareEvent({ request }: { readonly request: PolicyRequest }): NewStateEvent | Refused {
  return unlessTooLarge(eventWith(request, {}));
}

/**
 * Adds the invitee's profile to the event, and applies `beforeAppend`. A profile that would make the event too large is
 * left out.
 *
 * @throws (rejects) what `beforeAppend` throws, and a TypeError when it returns content that cannot be stored
 */
export async function completeEvent<R extends Requester>(
  run: Run<R>,
  profile: Profile,
): Promise<NewStateEvent | Refused> {
  const withProfile = eventWith(run.request, profile);
  const event = isSmallEnough(withProfile) ? withProfile : eventWith(run.request, {});
  return unlessTooLarge(await applyBeforeAppend(run, event));
}

/** Returns the invitee's profile. If it cannot be read, or is another server's, the invite is sent without it. */
export async function readProfile<R extends Requester>(run: Run<R>): Promise<Profile> {
  const {
    config: { users, deadlineMs },
    request: { userId },
    deadline,
    log,
  } = run;
  if (users?.getProfile === undefined || !isLocalInvitee(run)) return {};
  const share = new Deadline(deadlineMs * PROFILE_SHARE, deadline.context.signal);
  try {
    const profile = (await share.call('getProfile', (context) => users.getProfile?.(userId, context))) ?? {};
    handleRejection(profile.displayname);
    handleRejection(profile.avatar_url);
    return profile;
  } catch (err) {
    const message = "The invitee's profile could not be read: the invite is sent without it";
    log[isFault(err) ? 'error' : 'warn']({ err }, message);
    return {};
  } finally {
    deadline.failedCall ??= share.failedCall;
    share.end();
  }
}

/** Creates the event. Nothing else from the request gets into it. */
function eventWith({ requester, roomId, userId, reason }: PolicyRequest, profile: Profile): NewStateEvent {
  const content: JsonObject = { membership: 'invite' };
  if (reason !== undefined) content.reason = reason;
  const { displayname, avatar_url } = profile;
  if (isWellFormed(displayname)) content.displayname = displayname;
  if (isWellFormed(avatar_url) && avatar_url.startsWith('mxc://')) content.avatar_url = avatar_url;
  return {
    room_id: roomId,
    type: 'm.room.member',
    state_key: userId,
    sender: requester.userId,
    origin_server_ts: Date.now(),
    content,
  };
}

function isWellFormed(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value.isWellFormed();
}

async function applyBeforeAppend<R extends Requester>(
  { config: { beforeAppend }, request: { requester }, deadline }: Run<R>,
  event: NewStateEvent,
): Promise<NewStateEvent> {
  if (beforeAppend === undefined) return event;
  const result: unknown = await deadline.call('beforeAppend', (context) =>
    beforeAppend({ requester, event: structuredClone(event) }, context),
  );
  return result === undefined ? event : { ...event, content: contentOf(result) };
}

/** A lone surrogate, as JSON escapes it. */
const LONE_SURROGATE = /(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]/;

function contentOf(result: unknown): JsonObject {
  const given = (result as { readonly content?: unknown } | null)?.content;
  const isComplete = typeof given === 'object' && given !== null && !Object.values(given).some(isThenable);
  const json = isComplete ? JSON.stringify(given) : 'null';
  // Only JSON is stored, whatever objects the host returned.
  const content: unknown = JSON.parse(json);
  if (isInvite(content) && !LONE_SURROGATE.test(json)) return content;
  ignoreRejections(result);
  ignoreRejections(given);
  throw new TypeError(
    'beforeAppend must return undefined or { content }, with membership "invite" and well-formed strings',
  );
}

function isInvite(content: unknown): content is JsonObject {
  return typeof content === 'object' && content !== null && Reflect.get(content, 'membership') === 'invite';
}

export function unlessTooLarge(event: NewStateEvent): NewStateEvent | Refused {
  return isSmallEnough(event) ? event : refused({ by: 'size' }, eventTooLarge());
}

function isSmallEnough(event: NewStateEvent): boolean {
  return maxBytesOf(event) <= MAX_EVENT_BYTES || Buffer.byteLength(JSON.stringify(event)) <= MAX_EVENT_BYTES;
}

/** A quick upper bound on an event's JSON: the size is checked up to three times, and is nearly always small. */
function maxBytesOf({ room_id, type, state_key, sender, content }: NewStateEvent): number {
  let characters = room_id.length + type.length + state_key.length + sender.length;
  for (const [key, value] of Object.entries(content)) {
    if (typeof value !== 'string') return Number.POSITIVE_INFINITY;
    characters += key.length + value.length + 1;
  }
  // The longest form of a character, `\uXXXX`, has 6 bytes, and so do the quotes, colon and comma of a field. The
  // 200 bytes are for the names of the event's own fields and for the time.
  return characters * 6 + 200;
}

/** Compares sender and content, because the store assigns the event IDs. */
export function isSameInvite(event: NewStateEvent, stored: StrippedStateEvent): boolean {
  return stored.sender === event.sender && isSameJson(stored.content, event.content);
}
