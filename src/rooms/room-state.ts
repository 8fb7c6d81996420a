import { fieldOf } from './content.ts';
import type { JsonValue, StateKey, StrippedStateEvent } from './event.ts';
import { domainOf } from './identifiers.ts';

export const CREATE_KEY: StateKey = { type: 'm.room.create', state_key: '' };
export const POWER_LEVELS_KEY: StateKey = { type: 'm.room.power_levels', state_key: '' };

export function memberKey(userId: string): StateKey {
  return { type: 'm.room.member', state_key: userId };
}

export function find(events: readonly StrippedStateEvent[], key: StateKey): StrippedStateEvent | undefined {
  for (const event of events) if (event.type === key.type && event.state_key === key.state_key) return event;
  return undefined;
}

export function membershipIn(member: StrippedStateEvent | undefined): JsonValue | undefined {
  return fieldOf(member?.content, 'membership');
}

/** Returns false if the room is closed to the user's server: `m.federate` is false, and another server created the room. */
export function mayTakePart(userId: string, create: StrippedStateEvent): boolean {
  return fieldOf(create.content, 'm.federate') !== false || domainOf(userId) === domainOf(create.sender);
}
