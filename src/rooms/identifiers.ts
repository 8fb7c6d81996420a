/**
 * The maximum size of a user ID or a room ID, in bytes of UTF-8.
 *
 * @see https://spec.matrix.org/v1.18/appendices/#common-identifier-format
 */
const MAX_IDENTIFIER_BYTES = 255;

const SERVER_NAME: RegExp = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.-]{1,255})(?::[0-9]{1,5})?$/;

/**
 * Returns true for a server name, with or without a port. Case matters.
 *
 * @see https://spec.matrix.org/v1.18/appendices/#server-name
 */
export function isServerName(value: string): boolean {
  return SERVER_NAME.test(value);
}

/**
 * Returns true for a server name that can be connected to: with a port of 1 to 65535 or none. A name that ends in a
 * number must be an IPv4 address: URLs read `1.2.3` and `0x7f.1` as addresses, too.
 *
 * @see https://spec.matrix.org/v1.18/appendices/#server-name
 */
export function isReachableServerName(value: unknown): value is string {
  if (typeof value !== 'string' || !isServerName(value) || !URL.canParse(`https://${value}`)) return false;
  const { hostname, port } = new URL(`https://${value}`);
  const isAddress = /^[0-9.]+$/.test(hostname);
  return port !== '0' && (!isAddress || value.replace(/:[0-9]+$/, '') === hostname);
}

/**
 * Returns true for a user ID in the historical grammar, which servers must accept: any localpart without `:` and
 * NUL, including an empty one.
 *
 * @see https://spec.matrix.org/v1.18/appendices/#historical-user-ids
 */
export function isUserId(value: string): boolean {
  return isIdentifier(value, '@') && isServerName(domainOf(value) ?? '');
}

/**
 * Returns true for a room ID: `!` and an opaque part, with a domain in room versions 1 to 11, and without one in
 * later versions.
 *
 * @see https://spec.matrix.org/v1.18/appendices/#room-ids
 */
export function isRoomId(value: string): boolean {
  if (!isIdentifier(value, '!') || value.length < 2) return false;
  const domain = domainOf(value);
  return domain === undefined || isServerName(domain);
}

/** Returns the part of an identifier after its first `:`, or `undefined` if it has none. */
export function domainOf(identifier: string): string | undefined {
  const colon = identifier.indexOf(':');
  return colon === -1 ? undefined : identifier.slice(colon + 1);
}

/** Returns true for a user of one of the servers. */
export function isUserOf(serverNames: ReadonlySet<string>, userId: string): boolean {
  return serverNames.has(domainOf(userId) ?? '');
}

function isIdentifier(value: string, sigil: string): boolean {
  return value.startsWith(sigil) && isShortEnough(value) && !value.includes('\0') && value.isWellFormed();
}

/** A UTF-16 code unit takes at most three bytes, so most identifiers need no counting. */
function isShortEnough(value: string): boolean {
  const { length } = value;
  if (length * 3 <= MAX_IDENTIFIER_BYTES) return true;
  return length <= MAX_IDENTIFIER_BYTES && Buffer.byteLength(value) <= MAX_IDENTIFIER_BYTES;
}
