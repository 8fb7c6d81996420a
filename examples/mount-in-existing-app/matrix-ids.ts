// Translates names: the user `alice` is `@alice:example.org` in Matrix, and the room `books` is `!books:example.org`.

export const SERVER_NAME = 'example.org';

const SUFFIX = `:${SERVER_NAME}`;

export const userIdOf = (name: string): string => `@${name}${SUFFIX}`;

/** The name in a user ID of this server. Undefined for any other ID. */
export const nameOf = (userId: string): string | undefined => partOf(userId, '@');
/** The slug in a room ID of this server. Undefined for any other ID. */
export const slugOf = (roomId: string): string | undefined => partOf(roomId, '!');

function partOf(id: string, sigil: string): string | undefined {
  // The driver ends a string at a NUL, and would find the name before it.
  if (id.includes('\0')) return undefined;
  return id.startsWith(sigil) && id.endsWith(SUFFIX) ? id.slice(1, -SUFFIX.length) : undefined;
}
