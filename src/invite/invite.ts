import { setTimeout as delay } from 'node:timers/promises';
import type { Requester } from '../ports/auth.ts';
import type { PolicyRequest } from '../ports/policy.ts';
import type { StateSnapshot } from '../ports/storage.ts';
import type { Profile } from '../ports/user-directory.ts';
import type { NewStateEvent, StrippedStateEvent } from '../rooms/event.ts';
import { append } from './append.ts';
import { asHostWants } from './before-append.ts';
import type { ServiceSetting } from './config.ts';
import type { Deadline } from './deadline.ts';
import { type Judgement, judge } from './decide.ts';
import { checkSize, inviteEvent, isSameInvite, profileOf } from './event.ts';
import { Debit } from './limits.ts';
import { tellOnInvite } from './notify.ts';
import { keysToRead } from './policies.ts';
import { failureOf, unavailable } from './refusals.ts';
import type { InviteTrace } from './trace.ts';

/** How often an invite is decided, while the room changes under it, before the caller is sent away. */
const MAX_TRIES = 10;

/** What became of an invite that was not refused. */
export type InviteResult =
  | { readonly outcome: 'invited'; readonly eventId?: string | undefined }
  | { readonly outcome: 'alreadyInvited'; readonly eventId?: string | undefined }
  | { readonly outcome: 'dropped' };

type TryResult = InviteResult | { readonly outcome: 'again'; readonly cause?: unknown };

/** An event that may have been stored, and the one that stood in its place before. */
type Unsure = { readonly event: NewStateEvent; readonly replaced: StrippedStateEvent | undefined };

/** One invite on its way. */
export class InviteRun<R extends Requester> {
  readonly #setting: ServiceSetting<R>;
  readonly #request: PolicyRequest<R>;
  readonly #deadline: Deadline;
  readonly #trace: InviteTrace;
  readonly #resend: boolean;
  readonly #debit: Debit;
  #profile: Profile | undefined;
  /** What may have been stored without our knowing. Once there is one, only finding it settles that. */
  #unsure: Unsure | undefined;

  /** @param resend whether an invite that is pending is sent anew */
  constructor(
    setting: ServiceSetting<R>,
    request: PolicyRequest<R>,
    deadline: Deadline,
    trace: InviteTrace,
    resend: boolean,
  ) {
    this.#setting = setting;
    this.#request = request;
    this.#deadline = deadline;
    this.#trace = trace;
    this.#resend = resend;
    this.#debit = new Debit(setting, request);
  }

  /**
   * Decides the invite and appends its event. Then the deadline has ended.
   *
   * @throws {MatrixError} the refusal, or the failure
   */
  async done(): Promise<InviteResult> {
    try {
      const result = await this.#tryUntilDone();
      if (result.outcome === 'alreadyInvited') await this.#giveBack();
      return result;
    } catch (error) {
      await this.#giveBack();
      throw failureOf(error);
    } finally {
      this.#deadline.end(this.#trace);
    }
  }

  async #tryUntilDone(): Promise<InviteResult> {
    const { userId, roomId } = this.#request;
    const keys = keysToRead(this.#setting, this.#request, this.#trace);
    let cause: unknown;
    for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
      if (tries > 1) await waitBeforeTry(tries, this.#deadline);
      this.#trace.tries = tries;
      const snapshot = await this.#deadline.call('readState', (context) =>
        this.#setting.storage.readState(roomId, keys, context),
      );
      const stored = memberEvent(snapshot, userId);
      if (this.#unsure && stored && isStoredNow(this.#unsure, stored)) {
        return this.#invited(this.#unsure.event, stored.event_id);
      }
      const judgement = await judge(
        this.#setting,
        this.#request,
        snapshot,
        this.#deadline,
        this.#trace,
        this.#resend,
      );
      if (judgement.verdict === 'alreadyInvited') {
        return { outcome: 'alreadyInvited', eventId: judgement.invite.event_id };
      }
      const result = await this.#do(judgement, stored);
      if (result.outcome !== 'again') return result;
      cause = result.cause;
    }
    throw unavailable(cause ?? new Error(`The room changed during each of ${MAX_TRIES} tries`));
  }

  async #do(
    judgement: Exclude<Judgement, { readonly verdict: 'alreadyInvited' }>,
    replaced: StrippedStateEvent | undefined,
  ): Promise<TryResult> {
    // What is too large must not hold points that are not its own, not even for a while.
    const bareEvent = inviteEvent(this.#request, {});
    const isDrop = judgement.verdict === 'drop';
    if (this.#setting.rateLimit !== false) {
      await this.#debit.takeOnce(this.#deadline, this.#trace, isDrop);
    }
    if (isDrop) return { outcome: 'dropped' };
    const isAsBare =
      this.#setting.users?.getProfile === undefined && this.#setting.beforeAppend === undefined;
    const event = isAsBare ? bareEvent : await this.#eventOfHost();
    return this.#append({ event, replaced }, judgement.basis);
  }

  /** The event with the invitee's profile, and as `beforeAppend` wants it. */
  async #eventOfHost(): Promise<NewStateEvent> {
    this.#profile ??= await profileOf(this.#setting, this.#request.userId, this.#deadline);
    const event = await asHostWants(
      this.#setting,
      { requester: this.#request.requester, event: inviteEvent(this.#request, this.#profile) },
      this.#deadline,
    );
    checkSize(event);
    return event;
  }

  async #append(unsure: Unsure, basis: StateSnapshot): Promise<TryResult> {
    // What is late before the append has started has surely stored nothing.
    this.#deadline.throwIfOver('getProfile');
    const { event } = unsure;
    const unsureBefore = this.#unsure;
    this.#unsure = unsure;
    const result = await append(this.#setting, event, basis, this.#deadline, (late) => {
      if (late.outcome !== 'unknown') this.#unsure = unsureBefore;
      return late.outcome === 'appended' ? this.#invited(event, late.eventId) : this.#giveBack();
    });
    if (result.outcome === 'unknown') return { outcome: 'again', cause: result.cause };
    this.#unsure = unsureBefore;
    if (result.outcome === 'appended') return this.#invited(event, result.eventId);
    if (result.outcome === 'refused') throw result.error;
    return { outcome: 'again', ...(result.outcome === 'failed' ? { cause: result.cause } : {}) };
  }

  #invited(event: NewStateEvent, eventId: string | undefined): InviteResult {
    this.#unsure = undefined;
    tellOnInvite(this.#setting, { requester: this.#request.requester, event, eventId });
    return { outcome: 'invited', eventId };
  }

  /** Only where it is certain that no invite came of the request. */
  #giveBack(): Promise<void> | undefined {
    return this.#unsure === undefined ? this.#debit.giveBack(this.#deadline) : undefined;
  }
}

/** Whether it is the event that was unsure, and not the equal one that it was to replace. */
function isStoredNow({ event, replaced }: Unsure, stored: StrippedStateEvent): boolean {
  return isSameInvite(event, stored) && !(replaced !== undefined && replaced.event_id === stored.event_id);
}

function memberEvent(snapshot: StateSnapshot | undefined, userId: string): StrippedStateEvent | undefined {
  return snapshot?.events.find(({ type, state_key }) => type === 'm.room.member' && state_key === userId);
}

/** Waits a random while before a try (2 or later), longer with each one, so that racing requests draw apart. */
async function waitBeforeTry(tries: number, deadline: Deadline): Promise<void> {
  const longestMs = Math.min(100, 2 ** (tries - 1));
  await deadline.race(delay(Math.random() * longestMs));
}
