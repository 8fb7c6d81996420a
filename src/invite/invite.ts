import type { Requester } from '../ports/auth.ts';
import type { StateSnapshot } from '../ports/storage.ts';
import type { NewStateEvent } from '../rooms/event.ts';
import { InviteAppend, type TryAgain } from './append.ts';
import { decide } from './decide.ts';
import { type Decision, type Invited, isRefused, type Refused } from './decision.ts';
import { bareEvent, completeEvent, readProfile } from './event.ts';
import {
  type Ending,
  endRun,
  failed,
  forecastOf,
  type InviteForecast,
  type InviteResult,
  resultOf,
} from './explain.ts';
import { consumeDueAttempt, InvitePoints, peekLimits } from './limits.ts';
import { keysToRead, readState, recallState } from './read.ts';
import { isLocalInvitee } from './remote.ts';
import { refuseRequester } from './request.ts';
import type { Run } from './run.ts';
import { MAX_TRIES, triesFailed, waitBeforeRetry } from './tries.ts';

/**
 * Invites a user: decides, consumes the rate limits and appends the event.
 *
 * @throws {MatrixError} (rejects) the refusal, or the failure
 */
export function invite<R extends Requester>(run: Run<R>): Promise<InviteResult> {
  const result = inviteUntilDone(run);
  run.config.background.add(result);
  return result;
}

async function inviteUntilDone<R extends Requester>(run: Run<R>): Promise<InviteResult> {
  const points = new InvitePoints(run);
  const append = new InviteAppend(run, points);
  let ending: Exclude<Ending, { readonly kind: 'append' }>;
  try {
    ending = await inviteInTries(run, { points, append });
  } catch (thrown) {
    ending = failed(thrown);
  }
  ending = append.confirm(ending);
  if (ending.kind !== 'invited') append.abandon(ending);
  const refunded = ending.kind === 'invited' || ending.kind === 'drop' ? undefined : append.refund();
  if (refunded !== undefined) await refunded;
  endRun(run, ending);
  return resultOf(ending);
}

type Steps<R extends Requester> = { readonly points: InvitePoints<R>; readonly append: InviteAppend<R> };

/** The end of one try. */
type TryResult = Exclude<Decision, { readonly kind: 'append' }> | Invited | TryAgain;

async function inviteInTries<R extends Requester>(
  run: Run<R>,
  steps: Steps<R>,
): Promise<Exclude<TryResult, TryAgain>> {
  const keys = keysToRead(run);
  if (isRefused(keys)) return keys;
  // Another server is asked only about what was read.
  const isRemembered = run.config.federation === undefined || isLocalInvitee(run);
  const remembered = isRemembered ? recallState(run, keys) : undefined;
  const invited = remembered && (await inviteAsRemembered(run, steps, remembered));
  if (invited !== undefined) return invited;
  const limited = run.isAttemptDue ? await consumeDueAttempt(run) : undefined;
  if (limited !== undefined) return limited;
  let cause: unknown;
  while (run.tries < MAX_TRIES) {
    if (run.tries > 0) await waitBeforeRetry(run.tries, run.deadline);
    run.tries += 1;
    const read = await readState(run, keys);
    if (read.kind === 'refused') return read;
    const result = steps.append.settle(read.snapshot) ?? (await inviteOn(run, steps, read.snapshot));
    if (result.kind !== 'tryAgain') return result;
    cause = result.cause;
  }
  throw triesFailed(cause);
}

/**
 * Invites on the state that the store remembers, which saves a read. Only an invite that the store has appended counts,
 * because the append compares the state. Everything else is decided on a read: refusals, and failures of host functions
 * that might not be called then.
 *
 * @throws (rejects) when the time is over, and what the store throws when it appends
 */
async function inviteAsRemembered<R extends Requester>(
  run: Run<R>,
  steps: Steps<R>,
  snapshot: StateSnapshot,
): Promise<Invited | Refused | undefined> {
  const { deadline } = run;
  run.tries = 1;
  run.isRemembered = true;
  const event = await eventAsRemembered(run, steps.points, snapshot).catch((error: unknown) => {
    if (deadline.isOver) throw error;
    return undefined;
  });
  run.isRemembered = false;
  if (event !== undefined && !isRefused(event)) {
    const result = await steps.append.append(event, snapshot);
    if (result.kind === 'invited') return result;
  } else if (!deadline.isOver) {
    deadline.failedCall = undefined;
  } else if (event?.explanation.by === 'policy') {
    // A late policy refuses, and nothing can be read any more.
    return event;
  }
  run.tries = 0;
  return undefined;
}

async function eventAsRemembered<R extends Requester>(
  run: Run<R>,
  points: InvitePoints<R>,
  snapshot: StateSnapshot,
): Promise<NewStateEvent | Refused | undefined> {
  const decided = decide(run, snapshot);
  const decision = decided instanceof Promise ? await decided : decided;
  if (run.isFederated) return undefined;
  if (decision.kind === 'append') return eventToAppend(run, points);
  return isRefused(decision) ? decision : undefined;
}

/** Invites on one snapshot of the room. */
async function inviteOn<R extends Requester>(
  run: Run<R>,
  { points, append }: Steps<R>,
  snapshot: StateSnapshot | undefined,
): Promise<TryResult> {
  const decided = decide(run, snapshot);
  const decision = decided instanceof Promise ? await decided : decided;
  if (decision.kind === 'refused' || decision.kind === 'alreadyInvited') return decision;
  run.droppedBy = decision.kind === 'drop' ? decision.policy : undefined;
  const event = await eventToAppend(run, points);
  if (isRefused(event)) return event;
  return decision.kind === 'drop' ? decision : append.append(event, decision.basis);
}

/** Consumes the limits of an invite that may be sent, and returns its event. One that is to be dropped stays bare. */
async function eventToAppend<R extends Requester>(
  run: Run<R>,
  points: InvitePoints<R>,
): Promise<NewStateEvent | Refused> {
  const { config } = run;
  const isDrop = run.droppedBy !== undefined;
  // Checked before the limits: an invite that is too large must not hold points, not even for a moment.
  const bare = bareEvent(run);
  if (isRefused(bare)) return bare;
  if (config.rateLimit !== false) {
    const limited = await points.consumeOnce(isDrop);
    if (limited !== undefined) return limited;
  }
  if (isDrop || (config.users?.getProfile === undefined && config.beforeAppend === undefined)) return bare;
  run.profile ??= await readProfile(run);
  return completeEvent(run, run.profile);
}

/**
 * Decides an invite as {@link invite} does, but changes nothing.
 *
 * @throws {MatrixError} (rejects) 500 or 503 when it cannot be decided
 */
export async function check<R extends Requester>(run: Run<R>): Promise<InviteForecast> {
  let ending: Exclude<Ending, Invited>;
  try {
    ending = await decideOnly(run);
  } catch (thrown) {
    ending = failed(thrown);
  }
  endRun(run, ending);
  return forecastOf(run, ending);
}

async function decideOnly<R extends Requester>(run: Run<R>): Promise<Decision> {
  const refusedRequester = refuseRequester(run.request.requester, run.config.serverNames);
  if (refusedRequester !== undefined) return refusedRequester;
  const keys = keysToRead(run);
  if (isRefused(keys)) return keys;
  const read = await readState(run, keys);
  if (read.kind === 'refused') return read;
  const decision = await decide(run, read.snapshot);
  if (decision.kind === 'refused' || decision.kind === 'alreadyInvited') return decision;
  run.droppedBy = decision.kind === 'drop' ? decision.policy : undefined;
  const bare = bareEvent(run);
  if (isRefused(bare)) return bare;
  return (await peekLimits(run, decision.kind === 'drop')) ?? decision;
}
