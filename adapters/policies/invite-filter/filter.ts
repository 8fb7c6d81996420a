import { charactersOf, matchesGlob } from '../../../src/rooms/glob.ts';
import { domainOf } from '../../../src/rooms/identifiers.ts';
import type { AccountData } from '../shared/account-data.ts';

/** The action of a user's filter for an inviter. */
type FilterAction = 'allow' | 'ignore' | 'block';

// In the order of the proposal: the first match decides.
const RULES = [
  { list: 'allowed_users', action: 'allow' },
  { list: 'ignored_users', action: 'ignore' },
  { list: 'blocked_users', action: 'block' },
  { list: 'allowed_servers', action: 'allow' },
  { list: 'ignored_servers', action: 'ignore' },
  { list: 'blocked_servers', action: 'block' },
] as const;

/** The maximum length of a glob, which is also that of a user ID. */
const MAX_GLOB_LENGTH = 255;

/** The maximum number of characters in globs with a `*`: as many as fit into an event of 64 KiB. */
const MAX_STAR_CHARACTERS = 65_536;

/** Returns true if account data has a filter field. `m.invite_permission_config` can also have none. */
export function isFilter(data: AccountData): boolean {
  return ['enabled', ...RULES.map(({ list }) => list)].some((field) => Object.hasOwn(data, field));
}

/** Applies a filter to an inviter. Malformed fields count as missing. */
export function actionFor(inviter: string, filter: AccountData): FilterAction {
  if (filter.enabled === false) return 'allow';
  const user = charactersOf(inviter);
  const server = charactersOf(withoutPort(domainOf(inviter) ?? ''));
  const budget = { starCharacters: MAX_STAR_CHARACTERS };
  const rule = RULES.find(({ list }) =>
    isListed(filter[list], list.endsWith('_users') ? user : server, budget),
  );
  return rule?.action ?? 'allow';
}

/** Server globs apply to the name without its port, as in server ACLs. */
function withoutPort(serverName: string): string {
  return serverName.replace(/:[0-9]{1,5}$/, '');
}

type Budget = { starCharacters: number };

function isListed(list: unknown, text: readonly string[], budget: Budget): boolean {
  if (!Array.isArray(list)) return false;
  return list.some((glob: unknown) => {
    if (typeof glob !== 'string' || glob.length > MAX_GLOB_LENGTH) return false;
    return isAffordable(glob, budget) && matchesGlob(charactersOf(glob), text);
  });
}

/** Only globs with a `*` cost more to match than to read. */
function isAffordable(glob: string, budget: Budget): boolean {
  if (!glob.includes('*')) return true;
  budget.starCharacters -= glob.length;
  return budget.starCharacters >= 0;
}
