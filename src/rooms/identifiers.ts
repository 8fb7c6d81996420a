/** The most bytes of UTF-8 that a user id or a room id may have (appendices, "Identifier grammar"). */
const MAX_IDENTIFIER_BYTES = 255;

const SERVER_NAME: RegExp = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.-]{1,255})(?::[0-9]{1,5})?$/;

/** Whether a text is a server name, port included (appendices, "Server name"). Case matters. */
export function isServerName(text: string): boolean {
  return SERVER_NAME.test(text);
}

/**
 * Whether a text is a user id by the historical grammar, which servers must accept: any localpart, the empty
 * one included, without `:` and NUL (appendices, "Historical user IDs").
 */
export function isUserId(text: string): boolean {
  return isIdentifier(text, '@') && isServerName(domainOf(text) ?? '');
}

/**
 * Whether a text is a room id: `!` and an opaque part, with a domain in room versions 1 to 11 and without one
 * from 12 on (appendices, "Room IDs").
 */
export function isRoomId(text: string): boolean {
  if (!isIdentifier(text, '!') || text.length < 2) return false;
  const domain = domainOf(text);
  return domain === undefined || isServerName(domain);
}

/** The part of an identifier behind its first `:`, or `undefined` where there is none. */
export function domainOf(identifier: string): string | undefined {
  const colon = identifier.indexOf(':');
  return colon === -1 ? undefined : identifier.slice(colon + 1);
}

function isIdentifier(text: string, sigil: string): boolean {
  return text.startsWith(sigil) && isShortEnough(text) && !text.includes('\0') && text.isWellFormed();
}

/** A character takes three bytes at most, so that the bytes of most texts need no counting. */
function isShortEnough(text: string): boolean {
  const { length } = text;
  if (length * 3 <= MAX_IDENTIFIER_BYTES) return true;
  return length <= MAX_IDENTIFIER_BYTES && Buffer.byteLength(text) <= MAX_IDENTIFIER_BYTES;
}
