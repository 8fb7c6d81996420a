import { StorageUnavailableError } from '../../../src/errors.ts';
import type { JsonObject, StrippedStateEvent } from '../../../src/rooms/event.ts';

/** The function that returns the content of an event. */
const CONTENT = Symbol('content');

/** One accessor for all events: with a closure in each, V8 would keep every event as a dictionary, which is slower. */
const ACCESSOR: PropertyDescriptor = {
  get(this: { readonly [CONTENT]: () => JsonObject }): JsonObject {
    return this[CONTENT]();
  },
  enumerable: true,
  configurable: true,
};

/** The maximum length of a content that is parsed at once: an accessor costs as much. */
const MAX_EAGER_LENGTH = 200;

/** An event without its content. A new object. */
type Bare = Omit<StrippedStateEvent, 'content'> & { readonly event_id: string };

/**
 * Adds the content to an event. A small one is parsed at once. A large one is parsed on first access, and only once: an
 * invite that the room refuses needs few of the contents. The property is an own and enumerable one, so that copies,
 * JSON and comparisons contain it.
 *
 * If the content is not JSON, reading it throws a StorageUnavailableError, so that it fails only what depends on it.
 *
 * @param content the JSON, or a function that returns it or throws
 */
export function withContent(event: Bare, content: string | (() => string)): StrippedStateEvent {
  if (typeof content === 'string' && content.length <= MAX_EAGER_LENGTH) {
    try {
      const whole: Bare & { content?: JsonObject } = event;
      whole.content = JSON.parse(content) as JsonObject;
      return whole as StrippedStateEvent;
    } catch {
      // The getter throws again when the content is read.
    }
  }
  // Not in the event, which a caller may freeze.
  let parsed: JsonObject | undefined;
  const readOnce = () => {
    parsed ??= parseContent(typeof content === 'string' ? content : content(), event.event_id);
    return parsed;
  };
  Object.defineProperty(event, CONTENT, { value: readOnce });
  return Object.defineProperty(event, 'content', ACCESSOR) as StrippedStateEvent;
}

/**
 * Parses the stored content of an event.
 *
 * @throws {StorageUnavailableError} if it is not JSON. The error of `JSON.parse` is not its cause, because it quotes the
 *   content, and a reason must never reach a log.
 */
export function parseContent(json: string, eventId: string): JsonObject {
  try {
    return JSON.parse(json) as JsonObject;
  } catch {
    throw unreadableContent(eventId, 'is not valid JSON');
  }
}

/** Creates the error for a content that cannot be read. Reading stores nothing. */
export function unreadableContent(eventId: string, what: string): StorageUnavailableError {
  return new StorageUnavailableError(`The content of event ${JSON.stringify(eventId)} ${what}`, {
    isNotStored: true,
  });
}
