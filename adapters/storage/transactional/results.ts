import { ignoreRejections, isThenable } from '../../../src/internal/unawaited.ts';
import type { StrippedStateEvent } from '../../../src/rooms/event.ts';
import { isUserId } from '../../../src/rooms/identifiers.ts';
import { nameOf } from '../shared/state-key.ts';

/** @throws {TypeError} for anything but `{ eventId }` or nothing */
export function checkedEventId(inserted: unknown): string | undefined {
  if (inserted === undefined || inserted === null) return undefined;
  const { eventId } = inserted as { readonly eventId?: unknown };
  if (typeof eventId === 'string') return eventId;
  ignoreRejections(inserted);
  throw new TypeError(
    'transactionalStorage: insert must resolve to { eventId }, with a string, or to nothing',
  );
}

/**
 * Checks what the host app's `readState` resolved to: a mistake such as the membership `joined` would refuse every
 * invite, and nobody would know why.
 *
 * @throws {TypeError} for anything but a list of events, with at most one for each key, or undefined
 */
export function checkedEvents(events: unknown): readonly StrippedStateEvent[] | undefined {
  if (events === undefined || events === null) return undefined;
  if (!Array.isArray(events) || events.some(isNoObject)) {
    ignoreRejections(events);
    throw new TypeError(
      'transactionalStorage: readState must resolve to a list of events, or to undefined if there is no such room',
    );
  }
  const keys = new Set<string>();
  for (const event of events) {
    checkEvent(event);
    keys.add(nameOf(event));
  }
  if (keys.size === events.length) return events;
  throw new TypeError(
    'transactionalStorage: readState must resolve to one event for each key: the current one',
  );
}

function isNoObject(value: unknown): boolean {
  return typeof value !== 'object' || value === null || isThenable(value);
}

const MEMBERSHIPS: ReadonlySet<unknown> = new Set(['ban', 'invite', 'join', 'knock', 'leave']);

/** The fields of an event, with what each must be. */
const EVENT_FIELDS: Readonly<
  Record<keyof StrippedStateEvent, readonly [(value: unknown) => boolean, string]>
> = {
  type: [isString, 'a string'],
  state_key: [isString, 'a string'],
  sender: [isFullUserId, 'a full Matrix user ID'],
  content: [isPlainObject, 'an object'],
  event_id: [(value) => value === undefined || isString(value), 'a string, or left out'],
};

/** @throws {TypeError} for a field of the wrong type, and for a member event that no rule would understand */
function checkEvent(event: StrippedStateEvent): void {
  const check = (field: string, isValid: boolean, expected: string) => {
    if (isValid) return;
    ignoreRejections(event);
    const type = isString(event.type) ? event.type : 'an event';
    throw new TypeError(`transactionalStorage: readState: "${field}" of ${type} must be ${expected}`);
  };
  for (const [field, [accepts, expected]] of Object.entries(EVENT_FIELDS)) {
    check(field, accepts(Reflect.get(event, field)), expected);
  }
  if (event.type !== 'm.room.member') return;
  const { membership } = event.content;
  check('state_key', isUserId(event.state_key), 'a full Matrix user ID');
  check('content.membership', MEMBERSHIPS.has(membership), `one of ${[...MEMBERSHIPS].join(', ')}`);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isFullUserId(value: unknown): boolean {
  return isString(value) && isUserId(value);
}

function isPlainObject(value: unknown): boolean {
  return !isNoObject(value) && !Array.isArray(value);
}
