/** The user and group ID of `nobody` on Debian. */
const NOBODY = 65_534;

export type Account = { readonly uid: number; readonly gid: number };

/** Returns the account for programs that refuse to run as root, or `undefined` if this process is not root. */
export function unprivilegedAccount(): Account | undefined {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : undefined;
}
