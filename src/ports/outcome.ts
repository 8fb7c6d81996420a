import type { InviteRefusalReason } from '../rooms/invite-rule.ts';
import type { RateLimitScope } from './rate-limit.ts';

/** The host functions that a request calls. */
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
  | 'beforeAppend'
  | 'claimAddress'
  | 'settleAddress'
  | 'releaseAddress'
  | 'forgetAddress'
  | 'lookUp'
  | 'storeInvite'
  | 'isKeyValid'
  /** `invite` of the option `federation`. */
  | 'remote'
  | 'abandon'
  | 'unfinished';

/** Details of a run, for logs and metrics, never for the caller. */
export type InviteTrace = {
  /** The number of times that the invite was decided: more than one if the room changed in the meantime. */
  tries: number;
  /** The rate limit that refused. */
  scope?: RateLimitScope;
  /** The true wait of that limit, in milliseconds. For `invitee`, the response contains a different one. */
  retryAfterMs?: number;
  /** The policy that refused or dropped. */
  policy?: string;
  /** The rule of the room that refused. */
  reason?: InviteRefusalReason;
  /** True if the room does not exist, as opposed to an inviter who has not joined it. */
  isRoomUnknown?: true;
  /** True if the storage adapter refused, with its own `MatrixError`. */
  isStorageRefusal?: true;
  /** The invitee's server, if it is another one, and unless it was certainly not asked. Anybody can choose this name. */
  remoteServer?: string;
  /** The HTTP status of the last response of another server, if `federation` says it. */
  remoteStatus?: number;
  /** The first host function that failed or was late. The response may still be a 200. */
  failedCall?: HostCall;
};

/** The outcome of a request, for metrics. It contains user and room IDs, but no secrets. */
export type RequestOutcome = InviteTrace & {
  readonly status: number;
  /** The `errcode` of the response; undefined with a 200. */
  readonly errcode?: string | undefined;
  /** The result of the invite; undefined with an error. */
  readonly outcome?: 'invited' | 'alreadyInvited' | 'dropped' | 'storedForAddress' | undefined;
  /** Time from the router's first line to its response, in milliseconds. */
  readonly durationMs: number;
  /** The requester, once known. */
  readonly requesterId?: string | undefined;
  readonly roomId?: string | undefined;
  /** The result of the option `requestId`. */
  readonly requestId?: string | undefined;
};
