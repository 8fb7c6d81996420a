import type { RateLimitScope } from '../ports/rate-limit.ts';
import type { InviteRefusalReason } from '../rooms/invite-rule.ts';

/** The functions of a host that a request calls. */
export type HostCall =
  | 'authenticate'
  | 'consume'
  | 'peek'
  | 'readState'
  | 'appendEvent'
  | 'exists'
  | 'getProfile'
  | 'getAccountData'
  | 'decide'
  | 'beforeAppend';

/** What became known on the way to an answer: for logs and metrics, never for the caller. */
export type InviteTrace = {
  /** How often the invite was decided: more than once when the room changed meanwhile. */
  tries: number;
  /** The rate limit that refused. */
  scope?: RateLimitScope;
  /** The policy that refused or dropped. */
  policy?: string;
  /** The rule of the room that refused. */
  reason?: InviteRefusalReason;
  /** The host's function that failed or was late, the first one. The answer may be a 200 all the same. */
  failedCall?: HostCall;
};
