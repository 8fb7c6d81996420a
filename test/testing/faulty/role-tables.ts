/** Compares usernames as MariaDB's default collations do. */
export function ignoresCase(userId: string): string {
  return userId.toLowerCase();
}

/** Compares usernames as MariaDB's default collations do. */
export function ignoresAccents(userId: string): string {
  return userId.normalize('NFD').replace(/\p{M}/gu, '');
}

/** Compares usernames in a collation that pads, such as `utf8mb4_bin`. */
export function ignoresTrailingSpaces(userId: string): string {
  return userId.replace(/ +:/, ':');
}

/** Looks for the username alone, whatever the server. */
export function ignoresTheServer(userId: string): string {
  return userId.replace(/:.*/, '');
}
