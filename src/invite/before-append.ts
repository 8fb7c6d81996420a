import type { Requester } from '../ports/auth.ts';
import type { JsonObject, NewStateEvent } from '../rooms/event.ts';
import type { ServiceSetting } from './config.ts';
import type { Deadline } from './deadline.ts';
import type { InviteDraft } from './service-options.ts';

/** A lone surrogate, as JSON text escapes it. */
const LONE_SURROGATE = /(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]/;

/**
 * Asks `beforeAppend` about an event.
 *
 * @returns the event, with other content where the host wants it
 * @throws what the host throws, and a TypeError for an answer that cannot be a member event's content
 */
export async function asHostWants<R extends Requester>(
  { beforeAppend }: ServiceSetting<R>,
  draft: InviteDraft<R>,
  deadline: Deadline,
): Promise<NewStateEvent> {
  const { event } = draft;
  if (beforeAppend === undefined) return event;
  const answer: unknown = await deadline.call('beforeAppend', (context) =>
    beforeAppend({ ...draft, event: structuredClone(event) }, context),
  );
  return answer === undefined ? event : { ...event, content: contentIn(answer) };
}

function contentIn(answer: unknown): JsonObject {
  const given = (answer as { readonly content?: unknown } | null)?.content;
  const text = typeof given === 'object' && given !== null ? JSON.stringify(given) : 'null';
  // What is stored is JSON, whatever the host made it of.
  const content: unknown = JSON.parse(text);
  if (isInvite(content) && !LONE_SURROGATE.test(text)) return content;
  throw new TypeError(
    'beforeAppend must give undefined or { content }, whose membership is "invite" and whose texts are well-formed',
  );
}

function isInvite(content: unknown): content is JsonObject {
  return typeof content === 'object' && content !== null && Reflect.get(content, 'membership') === 'invite';
}
