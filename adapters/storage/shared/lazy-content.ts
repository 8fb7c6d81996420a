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

/**
 * Adds a content that is read when somebody asks for it, and only once: an invite that the room refuses needs few of the
 * contents. The property is an own and enumerable one, so that copies, JSON and comparisons contain it.
 *
 * @param event a new object
 * @param read returns a new object, or throws
 */
export function withLazyContent(
  event: Omit<StrippedStateEvent, 'content'>,
  read: () => JsonObject,
): StrippedStateEvent {
  // Not in the event, which a caller may freeze.
  let content: JsonObject | undefined;
  const readOnce = () => {
    content ??= read();
    return content;
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
