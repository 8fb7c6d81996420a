import { randomBytes, randomInt, randomUUID } from 'node:crypto';

/**
 * Returns a user ID that no other case uses. Its name has at most 24 lower-case letters and digits, so that it is a valid
 * name in most host apps.
 */
export function newUserId(name = 'user', serverName = 'example.org'): string {
  return `@${name}${randomBytes(6).toString('hex')}:${serverName}`;
}

/** Returns user IDs that no other case uses. */
export function newUserIds(name: string, count: number): string[] {
  return range(count).map((index) => newUserId(`${name}${index}`));
}

/** Returns a room ID that no other case uses. */
export function newRoomId(): string {
  return `!room-${randomUUID()}:example.org`;
}

/** Returns the elements in random order. */
export function shuffled<T>(elements: readonly T[]): T[] {
  return elements
    .map((element) => ({ element, rank: Math.random() }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ element }) => element);
}

/** Lets other work run for a short, random time, so that each race takes a different course. */
export async function wander(longest = 4): Promise<void> {
  for (let turns = randomInt(longest + 1); turns > 0; turns -= 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Returns `0, 1, … count - 1`. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
