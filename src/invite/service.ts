import { checkOptions } from '../internal/options.ts';
import type { Requester } from '../ports/auth.ts';
import type { Logger } from '../ports/logger.ts';
import type { PolicyRequest } from '../ports/policy.ts';
import { type ServiceSetting, settingOf } from './config.ts';
import { Deadline } from './deadline.ts';
import { forecast, type InviteForecast } from './explain.ts';
import { type InviteResult, InviteRun } from './invite.ts';
import { withStack } from './refusal.ts';
import { failureOf, unavailable } from './refusals.ts';
import { checkInvite, checkRequester } from './request.ts';
import { RequestLog } from './request-log.ts';
import { type InviteServiceOptions, inviteServiceOptionChecks } from './service-options.ts';
import type { InviteTrace } from './trace.ts';

/** An invite that is asked about. */
export type InviteCheckRequest<R extends Requester = Requester> = PolicyRequest<R> & {
  /** Ends the wait early, as the deadline does. */
  readonly signal?: AbortSignal;
};

/** An invite that is asked for. */
export type InviteRequest<R extends Requester = Requester> = PolicyRequest<R> & {
  /** Ends the wait early, as the deadline does. It does not undo an append that has started. */
  readonly signal?: AbortSignal;
  /**
   * Whether an invite that is pending already is sent anew: a further event, that clients notify of. It costs what a
   * new one does. Default false, as for every request over HTTP.
   */
  readonly resend?: boolean;
};

/** Invites without HTTP: for createRoom's list of invites, and for bots. */
export interface InviteService<R extends Requester = Requester> {
  /**
   * Invites a user: decides by the room's rules and the host's policies, counts the rate limits (all but
   * `attempt`) and appends the event.
   *
   * @param trace is filled in on the way: for metrics
   * @returns `alreadyInvited` where an invite is pending (no event), `dropped` where a policy said so (no event)
   * @throws {MatrixError} (rejects) the refusal, or the failure with its `cause`
   */
  invite(request: InviteRequest<R>, trace?: InviteTrace): Promise<InviteResult>;

  /**
   * A dry run: says what `invite` would do now, and why. It appends nothing and takes nothing from the rate limits,
   * which count only where their adapter has `peek`; `beforeAppend` is not asked. A moment later the answer may be
   * another.
   *
   * @throws {MatrixError} (rejects) 400 for what is no Matrix id, 500 or 503 when it cannot be told
   */
  check(request: InviteCheckRequest<R>): Promise<InviteForecast>;

  /**
   * From now on `invite` and `check` reject with a 503. Resolves when what has started is done (appends, `onInvite`),
   * after the deadline at the latest. The host's handles stay open.
   */
  close(): Promise<void>;
}

/**
 * Makes the invite service.
 *
 * @throws {TypeError} for an unknown, missing or ill-typed option
 * @see [errors, Router and service](../../docs/errors.md#router-and-service)
 */
export function createInviteService<R extends Requester = Requester>(
  options: InviteServiceOptions<R>,
): InviteService<R> {
  checkOptions('createInviteService', options, inviteServiceOptionChecks);
  const setting = settingOf(options);
  const desk = new InviteDesk(setting);

  /** Does work on a request, and writes its line. */
  async function logged<Result extends InviteResult | InviteForecast>(
    what: string,
    { requester, roomId }: PolicyRequest,
    trace: InviteTrace,
    work: (log: Logger) => Promise<Result>,
  ): Promise<Result> {
    const log = new RequestLog(setting.logger);
    const details = () => ({ requesterId: requester.userId, roomId, ...trace });
    try {
      const result = await work(log);
      const said = 'outcome' in result ? { outcome: result.outcome } : { allowed: result.allowed };
      log.end(what, () => ({ ...details(), ...said }));
      return result;
    } catch (error) {
      log.end(what, details, failureOf(error));
      throw withStack(error);
    }
  }

  return {
    invite: (request, trace = { tries: 0 }) =>
      logged('An invite', request, trace, (log) => desk.invite(request, trace, log)),
    check(request) {
      const trace = { tries: 0 };
      return logged('An invite check', request, trace, (log) => desk.check(request, trace, log));
    },
    close: () => desk.close(),
  };
}

/** What a service does, for callers that write the request's log line themselves. */
export class InviteDesk<R extends Requester> {
  readonly #setting: ServiceSetting<R>;
  #isClosed = false;

  constructor(setting: ServiceSetting<R>) {
    this.#setting = setting;
  }

  /** See {@link InviteService.invite}. */
  async invite(
    { requester, roomId, userId, reason, signal, resend }: InviteRequest<R>,
    trace: InviteTrace,
    log: Logger,
  ): Promise<InviteResult> {
    this.throwIfClosed();
    const request = { requester, roomId, userId, reason };
    checkRequester(requester, this.#setting.serverNames);
    checkInvite(request);
    return this.inviteChecked(request, trace, log, { signal, resend });
  }

  /**
   * As {@link invite}, of a request that has been checked: over HTTP by login and validation.
   *
   * @throws {MatrixError} (at once) 503 after {@link close}
   */
  inviteChecked(
    request: PolicyRequest<R>,
    trace: InviteTrace,
    log: Logger,
    { signal, resend = false }: Pick<InviteRequest<R>, 'signal' | 'resend'> = {},
  ): Promise<InviteResult> {
    this.throwIfClosed();
    const deadline = new Deadline(this.#setting.deadlineMs, signal);
    const setting = { ...this.#setting, logger: log };
    const done = new InviteRun(setting, request, deadline, trace, resend).done();
    this.#setting.background.add(done);
    return done;
  }

  /** See {@link InviteService.check}. */
  async check(
    { requester, roomId, userId, reason, signal }: InviteCheckRequest<R>,
    trace: InviteTrace,
    log: Logger,
  ): Promise<InviteForecast> {
    this.throwIfClosed();
    const request = { requester, roomId, userId, reason };
    checkInvite(request);
    const deadline = new Deadline(this.#setting.deadlineMs, signal);
    try {
      return await forecast({ ...this.#setting, logger: log }, request, deadline, trace);
    } finally {
      deadline.end(trace);
    }
  }

  /** See {@link InviteService.close}. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const { background, deadlineMs, logger } = this.#setting;
    if ((await background.settled(deadlineMs)) === 'timeOver') {
      logger.warn({}, 'Closed while an append or onInvite was still under way');
    }
  }

  /** @throws {MatrixError} 503 after {@link close} */
  throwIfClosed(): void {
    if (this.#isClosed) throw unavailable(new Error('It is closed'));
  }
}
