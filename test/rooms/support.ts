import type { JsonObject, JsonValue, StateKey, StrippedStateEvent } from '../../src/rooms/event.ts';

export const CREATOR = '@creator:example.org';
export const ALICE = '@alice:example.org';
export const BOB = '@bob:example.org';

export const VERSIONS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12'] as const;

/** Returns the versions between two positions in the list, both included. */
export function versions(from: number, to: number): string[] {
  return VERSIONS.slice(from - 1, to);
}

/** Returns a create event as servers make it: with `creator` in the content up to version 10. */
export function createEvent(version: string, content: JsonObject = {}): StrippedStateEvent {
  const creator: JsonObject = versions(1, 10).includes(version) ? { creator: CREATOR } : {};
  return stateEvent('m.room.create', '', { room_version: version, ...creator, ...content });
}

export function powerLevelsEvent(content: JsonObject): StrippedStateEvent {
  return stateEvent('m.room.power_levels', '', content);
}

export function memberEvent(userId: string, membership: JsonValue): StrippedStateEvent {
  return stateEvent('m.room.member', userId, { membership });
}

export function stateEvent(type: string, state_key: string, content: JsonObject): StrippedStateEvent {
  return { type, state_key, sender: CREATOR, content };
}

/** Replaces the content by one that only a faulty host app returns: its type allows only objects. */
export function withMalformedContent(event: StrippedStateEvent, content: JsonValue): StrippedStateEvent {
  return { ...event, content: content as JsonObject };
}

export function keyOf({ type, state_key }: StateKey): string {
  return `${type} ${state_key}`;
}
