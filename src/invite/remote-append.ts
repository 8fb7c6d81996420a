import { isMatrixError, isStorageUnavailable } from '../errors.ts';
import { ignoreRejections } from '../internal/unawaited.ts';
import type { Requester } from '../ports/auth.ts';
import type { RemoteInvites } from '../ports/remote-invites.ts';
import type { StateSnapshot } from '../ports/storage.ts';
import { isSameJson } from '../rooms/content.ts';
import type { NewStateEvent } from '../rooms/event.ts';
import { domainOf } from '../rooms/identifiers.ts';
import { type AppendOutcome, failedAppend } from './append-outcome.ts';
import { Deadline, DeadlineOverError } from './deadline.ts';
import { hostFailure, remoteTooLate } from './refusals.ts';
import { isLocalInvitee } from './remote.ts';
import type { Run } from './run.ts';

type RemoteResult = Awaited<ReturnType<RemoteInvites['invite']>>;

/**
 * The part of one invite that `federation` does, over as many rounds as it takes. While it runs, the run's own deadline
 * stands still: there is one for everything before, and another one for everything after the first round.
 */
export class RemoteAppend<R extends Requester> {
  readonly #run: Run<R>;
  readonly #federation: RemoteInvites;
  /** Milliseconds that are left for further rounds. */
  #remoteMs: number;
  /** Milliseconds that are left for everything between and after the rounds. */
  #restMs: number;
  #restStartedAt: number | undefined;
  /** The event that `federation` has begun, and neither completed nor given up. */
  #begun: NewStateEvent | undefined;

  /** @param begun the event, if `federation` has begun it in an earlier run */
  constructor(run: Run<R>, federation: RemoteInvites, begun?: NewStateEvent) {
    this.#begun = begun;
    this.#run = run;
    this.#federation = federation;
    this.#remoteMs = federation.timeoutMs;
    this.#restMs = run.config.deadlineMs;
    run.remote = { wasAsked: false, server: isLocalInvitee(run) ? undefined : domainOf(run.request.userId) };
  }

  /** True unless certainly no other server was contacted. */
  get wasAsked(): boolean {
    return this.#run.remote?.wasAsked === true;
  }

  /**
   * Has the event accepted by the other server, and stored.
   *
   * @param whenLate called with the outcome if it comes after `timeoutMs`
   * @throws {MatrixError} (rejects) 504 after `timeoutMs`, 503 or 500 when the host's function fails
   */
  async invite(
    event: NewStateEvent,
    basis: StateSnapshot,
    whenLate: (late: AppendOutcome) => unknown,
  ): Promise<AppendOutcome> {
    const run = this.#run;
    const wasAskedBefore = this.wasAsked;
    // `beforeAppend` may return another content each time.
    if (this.#begun !== undefined && !isSameJson(this.#begun.content, event.content)) this.abandon();
    const calls = this.#startRound(event);
    const startedAt = performance.now();
    try {
      const result = await calls.call(
        'remote',
        (context) => this.#federation.invite(event, basis, context),
        (leftBehind) =>
          run.config.background.add(
            leftBehind
              .then((late) => this.#noted(late, wasAskedBefore), failedAppend)
              .then(whenLate)
              .catch((err: unknown) =>
                run.log.error({ err }, 'A late result of federation.invite is invalid'),
              ),
          ),
      );
      return this.#noted(result, wasAskedBefore);
    } catch (error) {
      if (error instanceof DeadlineOverError) throw remoteTooLate(error);
      if (isStorageUnavailable(error)) return failedAppend(error);
      throw isMatrixError(error) ? error : hostFailure(error);
    } finally {
      this.#endRound(calls, startedAt);
    }
  }

  /** Has `federation` give up what it has begun, off the request path. */
  abandon(): void {
    const event = this.#begun;
    if (event === undefined) return;
    this.#begun = undefined;
    const { config, log } = this.#run;
    const deadline = new Deadline(config.deadlineMs);
    const abandoned = deadline
      .call('abandon', (context) => this.#federation.abandon(event, context))
      .catch((err: unknown) => log.warn({ err }, 'A remote invite could not be given up'))
      .finally(() => deadline.end());
    config.background.add(abandoned);
  }

  #startRound(event: NewStateEvent): Deadline {
    const { deadline, signal, remote } = this.#run;
    if (this.#remoteMs <= 0) throw remoteTooLate(new DeadlineOverError('remote'));
    deadline.end();
    if (this.#restStartedAt !== undefined) this.#restMs -= performance.now() - this.#restStartedAt;
    this.#begun = event;
    if (remote !== undefined) remote.wasAsked = true;
    return new Deadline(this.#remoteMs, signal);
  }

  #endRound(calls: Deadline, startedAt: number): void {
    const run = this.#run;
    calls.end();
    const now = performance.now();
    this.#remoteMs -= now - startedAt;
    this.#restStartedAt = now;
    const { failedCall } = run.deadline;
    run.deadline = new Deadline(Math.max(0, this.#restMs), run.signal);
    run.deadline.failedCall = failedCall ?? calls.failedCall;
  }

  /** @throws {TypeError} for anything but a result */
  #noted(result: RemoteResult, wasAskedBefore: boolean): RemoteResult {
    const checked = checkedResult(result);
    const { remote } = this.#run;
    if (remote !== undefined) {
      if (checked.wasAsked === false) remote.wasAsked = wasAskedBefore;
      if (isStatus(checked.remoteStatus)) remote.status = checked.remoteStatus;
    }
    // One that is stale may be completed by the next round. A refused one has been given up.
    if (checked.outcome !== 'stale') this.#begun = undefined;
    return checked;
  }
}

const OUTCOMES: readonly unknown[] = ['appended', 'stale', 'refused'] satisfies RemoteResult['outcome'][];

function checkedResult(result: RemoteResult): RemoteResult {
  const unchecked: unknown = result;
  if (
    typeof unchecked === 'object' &&
    unchecked !== null &&
    OUTCOMES.includes(Reflect.get(unchecked, 'outcome'))
  ) {
    return result;
  }
  ignoreRejections(unchecked);
  throw new TypeError("federation.invite must resolve to { outcome }: 'appended', 'stale' or 'refused'");
}

function isStatus(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 100 && Number(value) <= 599;
}
