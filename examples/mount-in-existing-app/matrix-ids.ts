// What this app calls `alice` and `books` is to Matrix `@alice:example.org` and `!books:example.org`.

export const SERVER_NAME = 'example.org';

const SUFFIX = `:${SERVER_NAME}`;

export const userIdOf = (name: string): string => `@${name}${SUFFIX}`;

/** The name in a user id of this server. */
export const nameOf = (userId: string): string | undefined => partOf(userId, '@');
/** The slug in a room id of this server. */
export const slugOf = (roomId: string): string | undefined => partOf(roomId, '!');

function partOf(id: string, sigil: string): string | undefined {
  return id.startsWith(sigil) && id.endsWith(SUFFIX) ? id.slice(1, -SUFFIX.length) : undefined;
}
