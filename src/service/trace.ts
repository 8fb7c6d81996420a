import type { RateLimitScope } from '../ports/rate-limit.ts';
import type { InviteRefusalReason } from '../rooms/invite-rule.ts';

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
};
