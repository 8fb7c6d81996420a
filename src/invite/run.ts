import type { Requester } from '../ports/auth.ts';
import type { Logger } from '../ports/logger.ts';
import type { InviteTrace } from '../ports/outcome.ts';
import type { PolicyRequest } from '../ports/policy.ts';
import type { Profile } from '../ports/user-directory.ts';
import type { ServiceConfig } from './config.ts';
import { Deadline } from './deadline.ts';

/** One invite, or one dry run: the parameter of every step. */
export type Run<R extends Requester = Requester> = {
  readonly config: ServiceConfig<R>;
  readonly request: PolicyRequest<R>;
  /** The time limit of the host's functions, except those of `federation`. Replaced once `federation` was asked. */
  deadline: Deadline;
  /** Filled in when the run ends, by `endRun`. */
  readonly trace: InviteTrace;
  readonly log: Logger;
  /** Ends the run early, as the deadline does. */
  readonly signal: AbortSignal | undefined;
  /** Whether to send a pending invite again. */
  readonly resend: boolean;
  /** Whether the limits of the inviter and the room have been consumed before, as for a user found by address. */
  readonly isInviterCounted: boolean;
  /** Whether a point of the `attempt` limit must still be consumed. */
  isAttemptDue: boolean;
  /** The number of times that the invite was decided. */
  tries: number;
  /** The policy that decided to drop the invite, even if it ends otherwise. */
  droppedBy?: string | undefined;
  /** Whether the invite is being decided on the state that the store remembers. */
  isRemembered?: boolean;
  /** The decisions on remembered state of policies that did not look at it: they hold for the state that is read next. */
  statelessDecisions?: Map<object, unknown>;
  /** The invitee's profile, once it was read. */
  profile?: Profile | undefined;
  /** Whether `federation` makes the invite, as it was last decided. */
  isFederated?: boolean;
  /** What is known of the other server, once `federation` makes the invite. */
  remote?: RemoteTrace;
};

/** The other server of an invite. */
export type RemoteTrace = {
  /** False only if certainly no other server was contacted. */
  wasAsked: boolean;
  /** The invitee's server. Undefined for a user of this server. */
  readonly server: string | undefined;
  /** The HTTP status of its last response. */
  status?: number;
};

/** Options for starting a run, besides its config and request. */
export type RunOptions = {
  readonly trace: InviteTrace;
  readonly log: Logger;
  /** Ends the run early, as the deadline does. */
  readonly signal: AbortSignal | undefined;
  readonly resend: boolean;
  /** Whether the run consumes a point of the `attempt` limit. Default false. */
  readonly isAttemptDue?: boolean;
  /** See {@link Run.isInviterCounted}. Default false. */
  readonly isInviterCounted?: boolean;
};

/** Starts a run, and its deadline. */
export function startRun<R extends Requester>(
  config: ServiceConfig<R>,
  request: PolicyRequest<R>,
  { trace, log, signal, resend, isAttemptDue = false, isInviterCounted = false }: RunOptions,
): Run<R> {
  const deadline = new Deadline(config.deadlineMs, signal);
  return { config, request, deadline, trace, log, signal, resend, isAttemptDue, isInviterCounted, tries: 0 };
}
