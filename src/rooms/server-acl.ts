import { fieldOf } from './content.ts';
import type { JsonValue, StateKey } from './event.ts';
import { charactersOf, matchesGlob } from './glob.ts';

export const SERVER_ACL_KEY: StateKey = { type: 'm.room.server_acl', state_key: '' };

/**
 * Returns true if the content of `m.room.server_acl` allows a server. Its port and the case of its name do not matter.
 * What is malformed counts as missing, and without `allow` no server is allowed.
 *
 * @see https://spec.matrix.org/v1.18/client-server-api/#mroomserver_acl
 */
export function isAllowedByAcl(serverName: string, acl: JsonValue): boolean {
  const host = serverName.replace(/:[0-9]{1,5}$/, '');
  if (fieldOf(acl, 'allow_ip_literals') === false && isIpLiteral(host)) return false;
  const text = charactersOf(host);
  const isListed = (list: string) => {
    const globs = fieldOf(acl, list);
    return (
      Array.isArray(globs) &&
      globs.some((glob) => typeof glob === 'string' && matchesGlob(charactersOf(glob), text))
    );
  };
  return !isListed('deny') && isListed('allow');
}

function isIpLiteral(host: string): boolean {
  return host.startsWith('[') || /^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$/.test(host);
}
