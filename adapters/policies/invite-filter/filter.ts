import { domainOf } from '../../../src/rooms/identifiers.ts';
import { charactersOf, matchesGlob } from './glob.ts';

/** What a user's filter says of an inviter. */
export type FilterAction = 'allow' | 'ignore' | 'block';

// The order is the proposal's: what comes first decides.
const RULES = [
  { list: 'allowed_users', action: 'allow' },
  { list: 'ignored_users', action: 'ignore' },
  { list: 'blocked_users', action: 'block' },
  { list: 'allowed_servers', action: 'allow' },
  { list: 'ignored_servers', action: 'ignore' },
  { list: 'blocked_servers', action: 'block' },
] as const;

/** The longest glob that is read: no user id has more. */
const MAX_GLOB_LENGTH = 255;

/** The most characters of globs with a `*` that are matched: as many as an event of 64 KiB can hold. */
const MAX_STAR_CHARACTERS = 65_536;

/** Account data, as a user has stored it: nothing about it is certain. */
export type AccountData = Readonly<Record<string, unknown>>;

/** Whether account data has a field of a filter. `m.invite_permission_config` can be without. */
export function isFilter(data: AccountData): boolean {
  return ['enabled', ...RULES.map(({ list }) => list)].some((field) => Object.hasOwn(data, field));
}

/** What a filter says of an inviter; what is malformed in it counts as left out. */
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

/** Server globs are applied as those of server ACLs are: to the name without its port. */
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

/** Only a `*` makes matching cost more than reading. */
function isAffordable(glob: string, budget: Budget): boolean {
  if (!glob.includes('*')) return true;
  budget.starCharacters -= glob.length;
  return budget.starCharacters >= 0;
}
