import { randomInt, randomUUID } from 'node:crypto';

/** A user id that no other case uses, of lower-case letters that every host can hold. */
export function newUserId(name = 'user'): string {
  return `@${name}-${randomUUID()}:example.org`;
}

/** A room id that no other case uses. */
export function newRoomId(): string {
  return `!room-${randomUUID()}:example.org`;
}

/** The same elements in a random order. */
export function shuffled<T>(elements: readonly T[]): T[] {
  return elements
    .map((element) => ({ element, rank: Math.random() }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ element }) => element);
}

/** Lets other work run for a random, short while, so that races fall out differently each time. */
export async function wander(longest = 4): Promise<void> {
  for (let turns = randomInt(longest + 1); turns > 0; turns -= 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** `0, 1, … count - 1`. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
