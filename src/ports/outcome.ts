import type { InviteRefusalReason } from '../rooms/invite-rule.ts';
import type { RateLimitScope } from './rate-limit.ts';

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

/** How a request ended, for metrics. It bears no secret, but user and room ids. */
export type RequestOutcome = InviteTrace & {
  readonly status: number;
  /** The answer's `errcode`; undefined with a 200. */
  readonly errcode?: string | undefined;
  /** What became of the invite; undefined with an error. */
  readonly outcome?: 'invited' | 'alreadyInvited' | 'dropped' | undefined;
  /** From the router's first line to its answer, in milliseconds. */
  readonly durationMs: number;
  /** Who asked, once that is known. */
  readonly requesterId?: string | undefined;
  readonly roomId?: string | undefined;
  /** What the option `requestId` says. */
  readonly requestId?: string | undefined;
};
