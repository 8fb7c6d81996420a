import { isMatrixError } from '../errors.ts';
import { handleRejection, ignoreRejections } from '../internal/unawaited.ts';
import type { Requester } from '../ports/auth.ts';
import type { RemoteInvites } from '../ports/remote-invites.ts';
import type { NewStateEvent } from '../rooms/event.ts';
import { isRoomId, isUserId } from '../rooms/identifiers.ts';
import { inviteStateKeys } from '../rooms/invite-rule.ts';
import type { AppendOutcome } from './append-outcome.ts';
import type { ServiceConfig } from './config.ts';
import { Deadline } from './deadline.ts';
import { decideByRules, roomUnknown } from './decide.ts';
import { isRefused } from './decision.ts';
import { notifyOnInvite } from './notify.ts';
import { readState } from './read.ts';
import { hostFailure } from './refusals.ts';
import { remoteKeysToRead } from './remote.ts';
import { RemoteAppend } from './remote-append.ts';
import { type Run, startRun } from './run.ts';
import { MAX_TRIES, triesFailed, waitBeforeRetry } from './tries.ts';

/** The result of `resume`: the number of invites that ended in each way. */
export type ResumeResult = {
  /** Stored in their rooms. */
  readonly completed: number;
  /** Given up: the room refuses them by now, the other server does, or they are pending anyway. */
  readonly abandoned: number;
  /** Not completed yet. The next call tries again. */
  readonly failed: number;
};

/** How many invites are resumed at once: several, because one server may hang, but no more than one server gets. */
const MAX_AT_ONCE = 4;

/** Returns the method `resume` of a service. While it runs, another call of it waits for the same work. */
export function resumeOf<R extends Requester>(config: ServiceConfig<R>): () => Promise<ResumeResult> {
  let running: Promise<ResumeResult> | undefined;
  return () => {
    running ??= resumeAll(config).finally(() => {
      running = undefined;
    });
    return running;
  };
}

async function resumeAll<R extends Requester>(config: ServiceConfig<R>): Promise<ResumeResult> {
  const { federation, background, logger } = config;
  const result = { completed: 0, abandoned: 0, failed: 0 };
  if (federation?.unfinished === undefined) return result;
  const running = new Set<Promise<void>>();
  const controller = new AbortController();
  try {
    const invites = iteratorOf(federation.unfinished({ signal: controller.signal }));
    while (!background.isClosed) {
      const next = await nextOf(invites, config.deadlineMs);
      if (next.done === true || background.isClosed) break;
      const { event } = next.value;
      const resumed = resumeOne(config, federation, event)
        .then((ending) => {
          result[ending] += 1;
        })
        .finally(() => running.delete(resumed));
      running.add(resumed);
      background.add(resumed);
      if (running.size >= MAX_AT_ONCE) await Promise.race(running);
    }
    handleRejection(invites.return?.());
  } catch (err) {
    result.failed += 1;
    logger.error({ err }, 'The unfinished invites could not be read');
  }
  controller.abort();
  await Promise.all(running);
  return result;
}

/** @throws {TypeError} for anything else, such as the promise of an `async` function that is no generator */
function iteratorOf<Value>(invites: AsyncIterable<Value>): AsyncIterator<Value, unknown> {
  const unchecked: unknown = invites;
  if (typeof unchecked === 'object' && unchecked !== null && Symbol.asyncIterator in unchecked) {
    return invites[Symbol.asyncIterator]();
  }
  ignoreRejections(unchecked);
  throw new TypeError('federation.unfinished must return an async iterable');
}

/** @throws (rejects) when the host's function fails or is late */
async function nextOf<Value>(
  values: AsyncIterator<Value, unknown>,
  deadlineMs: number,
): Promise<IteratorResult<Value, unknown>> {
  const deadline = new Deadline(deadlineMs);
  try {
    return await deadline.call('unfinished', () => values.next());
  } finally {
    deadline.end();
  }
}

/** Completes an invite, or gives it up. Never rejects. */
async function resumeOne<R extends Requester>(
  config: ServiceConfig<R>,
  federation: RemoteInvites,
  event: NewStateEvent,
): Promise<keyof ResumeResult> {
  const { logger: log } = config;
  try {
    checkInviteEvent(event);
  } catch (err) {
    log.error({ err }, 'An unfinished invite is invalid');
    return 'failed';
  }
  const { room_id: roomId, sender, state_key: userId } = event;
  // Nobody sends a request: all that is known of its requester is the user ID.
  const requester = { userId: sender } as R;
  const trace = { tries: 0 };
  const run = startRun(
    config,
    { requester, roomId, userId },
    { trace, log, signal: undefined, resend: false },
  );
  const ids = { requesterId: sender, roomId };
  try {
    const ending = await complete(run, federation, event);
    log.info({ ...ids, outcome: ending }, 'An unfinished invite was resumed');
    return ending;
  } catch (err) {
    log.warn({ ...ids, err }, 'An unfinished invite could not be resumed');
    return 'failed';
  } finally {
    run.deadline.end();
  }
}

/**
 * Decides by the rules of the room as it is now, and goes on with the invite or gives it up. Policies and limits have had
 * their say when it was requested.
 *
 * @throws (rejects) if that cannot be decided or completed now
 */
async function complete<R extends Requester>(
  run: Run<R>,
  federation: RemoteInvites,
  event: NewStateEvent,
): Promise<'completed' | 'abandoned'> {
  const remote = new RemoteAppend(run, federation, event);
  const notify = (outcome: AppendOutcome) => {
    if (outcome.outcome !== 'appended') return;
    const { config, log, request } = run;
    notifyOnInvite(config, log, { requester: request.requester, event, eventId: outcome.eventId });
  };
  const keys = remoteKeysToRead(run, federation);
  if (isRefused(keys)) return abandoned(remote);
  const allKeys = [...inviteStateKeys(event.sender, event.state_key), ...keys];
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    if (tries > 0) await waitBeforeRetry(tries, run.deadline);
    const read = await readState(run, allKeys);
    const decision =
      read.kind === 'refused'
        ? read
        : read.snapshot === undefined
          ? roomUnknown(run)
          : decideByRules(run, read.snapshot);
    if (decision.kind === 'refused' && decision.error.status >= 500) throw decision.error;
    if (decision.kind !== 'append' || run.isFederated !== true) return abandoned(remote);
    const outcome = await remote.invite(event, decision.basis, notify);
    if (outcome.outcome === 'appended') {
      notify(outcome);
      return 'completed';
    }
    if (outcome.outcome === 'refused') {
      if (!isMatrixError(outcome.error)) throw outcome.error;
      return 'abandoned';
    }
    if (outcome.outcome !== 'stale') throw hostFailure(outcome.cause);
  }
  throw triesFailed();
}

function abandoned<R extends Requester>(remote: RemoteAppend<R>): 'abandoned' {
  remote.abandon();
  return 'abandoned';
}

/** @throws {TypeError} for anything but an invite */
function checkInviteEvent(event: NewStateEvent): void {
  const { type, room_id, sender, state_key, content }: Partial<NewStateEvent> = event ?? {};
  const isInvite = type === 'm.room.member' && content?.membership === 'invite';
  if (isInvite && isRoomId(String(room_id)) && [sender, state_key].every((id) => isUserId(String(id))))
    return;
  throw new TypeError(
    'federation.unfinished must return { event }: an m.room.member event whose membership is invite',
  );
}
