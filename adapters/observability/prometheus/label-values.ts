import type { HostCall, RequestOutcome } from '../../../src/ports/outcome.ts';
import type { RateLimitScope } from '../../../src/ports/rate-limit.ts';
import type { InviteRefusalReason } from '../../../src/rooms/invite-rule.ts';

/** Stands for every value that is not known beforehand. */
export const OTHER = 'other';

export const OUTCOMES = keysOf<NonNullable<RequestOutcome['outcome']>>({
  invited: true,
  alreadyInvited: true,
  dropped: true,
});

export const SCOPES = keysOf<RateLimitScope>({ attempt: true, inviter: true, room: true, invitee: true });

export const REASONS = keysOf<InviteRefusalReason>({
  roomUnknownOrInviterNotJoined: true,
  roomVersionUnknown: true,
  unfederatable: true,
  inviteeBanned: true,
  inviteeJoined: true,
  insufficientPower: true,
  powerLevelUnreadable: true,
});

export const CALLS = keysOf<HostCall>({
  authenticate: true,
  consume: true,
  peek: true,
  readState: true,
  appendEvent: true,
  exists: true,
  getProfile: true,
  getAccountData: true,
  decide: true,
  beforeAppend: true,
});

/** The scope comes from the host's rate limit adapter, which no compiler may have checked. */
export const knownScope = knownOf(SCOPES);
export const knownReason = knownOf(REASONS);
export const knownCall = knownOf(CALLS);

/** All values of a union: the compiler refuses a table that lacks one. */
function keysOf<Value extends string>(table: Readonly<Record<Value, true>>): readonly Value[] {
  return Object.keys(table) as Value[];
}

function knownOf(values: readonly string[]): (value: string) => string {
  const known = new Set(values);
  return (value) => (known.has(value) ? value : OTHER);
}
