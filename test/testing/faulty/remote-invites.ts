import { setImmediate as turn } from 'node:timers/promises';
import { MatrixError, StorageUnavailableError } from '../../../src/errors.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { RemoteAnswer } from '../../../src/ports/remote-invites.ts';
import type { AppendResult, StateSnapshot } from '../../../src/ports/storage.ts';
import type { NewStateEvent, StateKey } from '../../../src/rooms/event.ts';
import { type BuiltInvite, ReferenceRemoteInvites, type RemoteResult } from '../reference/remote-invites.ts';
import { pause } from '../reference/storage.ts';

/** Looks its keys up, and returns a promise of them. */
export class PromisesItsKeys extends ReferenceRemoteInvites {
  override stateKeys(): readonly StateKey[] {
    return Promise.resolve([]) as never;
  }
}

/** Names keys with a misspelled field. */
export class MisspellsItsKeys extends ReferenceRemoteInvites {
  override stateKeys(): readonly StateKey[] {
    return [{ type: 'm.room.server_acl', stateKey: '' }] as never;
  }
}

/** Is concerned only once somebody of the other server is in the room. */
export class ConcernedByMembersOnly extends ReferenceRemoteInvites {
  override concerns(): boolean {
    return false;
  }
}

/** Decides in an async function. */
export class ConcernedLater extends ReferenceRemoteInvites {
  override concerns(): boolean {
    return Promise.resolve(true) as never;
  }
}

/** Counts its questions as invites, and objects to the eleventh. */
export class ObjectsWhenAskedOften extends ReferenceRemoteInvites {
  questions = 0;

  override objectionTo(): MatrixError | undefined {
    this.questions += 1;
    return this.questions > 10 ? new MatrixError(429, 'M_LIMIT_EXCEEDED', 'Too many invites') : undefined;
  }
}

/** Objects in an async function. */
export class ObjectsLater extends ReferenceRemoteInvites {
  override objectionTo(): MatrixError | undefined {
    return Promise.resolve(undefined) as never;
  }
}

/** Stores the event without asking the other server. */
export class AsksNobody extends ReferenceRemoteInvites {
  override async ask(): Promise<undefined> {
    await pause();
  }
}

/** Stores the event, and asks the other server afterwards. */
export class StoresFirst extends ReferenceRemoteInvites {
  override async invite(
    event: NewStateEvent,
    basis: StateSnapshot,
    context: CallContext,
  ): Promise<RemoteResult> {
    const built = await this.build(event);
    const result = await this.append(built, basis);
    return (await this.ask(built, context)) ?? result;
  }
}

/** Resolves before the event is stored. */
export class StoresLater extends ReferenceRemoteInvites {
  override async append(built: BuiltInvite, basis: StateSnapshot): Promise<AppendResult & RemoteAnswer> {
    setTimeout(() => super.append(built, basis), 60_000).unref();
    return { outcome: 'appended', eventId: built.eventId };
  }
}

/** Resolves the ID of another event. */
export class ResolvesAnotherId extends ReferenceRemoteInvites {
  override async append(built: BuiltInvite, basis: StateSnapshot): Promise<AppendResult & RemoteAnswer> {
    const result = await super.append(built, basis);
    return result.outcome === 'appended' ? { ...result, eventId: '$other' } : result;
  }
}

/** Stores the event whatever the room is by then. */
export class IgnoresTheBasis extends ReferenceRemoteInvites {
  override append(built: BuiltInvite, basis: StateSnapshot): Promise<AppendResult & RemoteAnswer> {
    const room = this.tables.rooms.get(built.event.room_id);
    const events = basis.keys.flatMap((key) => (room && this.storage.current(room, key)) ?? []);
    return super.append(built, { ...basis, events });
  }
}

/** Compares the basis before it asks the other server, and not when it stores the event. */
export class ComparesTooEarly extends IgnoresTheBasis {
  override async invite(
    event: NewStateEvent,
    basis: StateSnapshot,
    context: CallContext,
  ): Promise<RemoteResult> {
    const room = this.tables.rooms.get(event.room_id);
    if (room === undefined || !this.storage.isAsShown(room, basis)) return { outcome: 'stale' };
    return super.invite(event, basis, context);
  }
}

/** Keeps the basis of the first call, on which a second one can never succeed. */
export class KeepsTheFirstBasis extends ReferenceRemoteInvites {
  readonly bases = new Map<string, StateSnapshot>();

  override append(built: BuiltInvite, basis: StateSnapshot): Promise<AppendResult & RemoteAnswer> {
    const first = this.bases.get(built.eventId) ?? basis;
    this.bases.set(built.eventId, first);
    return super.append(built, first);
  }
}

/** Compares the whole room. */
export class ComparesTheWholeRoom extends ReferenceRemoteInvites {
  override async invite(
    event: NewStateEvent,
    basis: StateSnapshot,
    context: CallContext,
  ): Promise<RemoteResult> {
    const before = this.tables.rooms.get(event.room_id)?.log.length;
    const built = await this.build(event);
    const refused = await this.ask(built, context);
    if (refused !== undefined) return refused;
    if (before !== this.tables.rooms.get(event.room_id)?.log.length) return { outcome: 'stale' };
    return this.append(built, basis);
  }
}

/** Stores the event although the other server refuses it. */
export class StoresWhatIsRefused extends ReferenceRemoteInvites {
  override async ask(built: BuiltInvite, context: CallContext): Promise<RemoteResult | undefined> {
    const refused = await super.ask(built, context);
    const room = this.tables.rooms.get(built.event.room_id);
    if (refused !== undefined && room !== undefined) this.storage.store(room, built.event);
    return refused;
  }
}

/** Passes on the 401 of the other server. */
export class PassesOnA401 extends ReferenceRemoteInvites {
  override refusal(remoteStatus: number): RemoteResult {
    return {
      ...super.refusal(remoteStatus),
      error: new MatrixError(401, 'M_UNAUTHORIZED', 'No'),
    } as RemoteResult;
  }
}

/** Rejects when the other server refuses. */
export class RejectsRefusals extends ReferenceRemoteInvites {
  override refusal(): RemoteResult {
    throw new StorageUnavailableError('refused');
  }
}

/** Remembers for ever that the other server has refused. */
export class RemembersRefusals extends ReferenceRemoteInvites {
  readonly refused = new Map<string, RemoteResult>();

  override async ask(built: BuiltInvite, context: CallContext): Promise<RemoteResult | undefined> {
    const { state_key } = built.event;
    const known = this.refused.get(state_key) ?? (await super.ask(built, context));
    if (known !== undefined) this.refused.set(state_key, known);
    return known;
  }
}

/** Says that nobody was asked, whatever happened: every refused invite is free then. */
export class NeverAsked extends ReferenceRemoteInvites {
  override async invite(
    event: NewStateEvent,
    basis: StateSnapshot,
    context: CallContext,
  ): Promise<RemoteResult> {
    return { ...(await super.invite(event, basis, context)), wasAsked: false };
  }
}

/** Rejects with the error of its driver. */
export class RejectsWithDriverErrors extends ReferenceRemoteInvites {
  override unavailable(): Error {
    return new Error('ECONNREFUSED');
  }
}

/** Takes every call for a new one, and stores it without looking at what is there. */
export class StoresEveryCall extends IgnoresTheBasis {
  override key(): string {
    return String(Math.random());
  }
}

/** Tells calls apart by the time of the event, and ignores the invitee's membership. */
export class ComparesTimes extends IgnoresTheBasis {
  override key(event: NewStateEvent): string {
    return JSON.stringify([super.key(event), event.origin_server_ts]);
  }
}

/** Forgets with its process what the other server has been asked, and takes the room for changed. */
export class LosesCallsInACrash extends ReferenceRemoteInvites {
  override async invite(
    event: NewStateEvent,
    basis: StateSnapshot,
    context: CallContext,
  ): Promise<RemoteResult> {
    const isKnown = this.tables.built.has(this.key(event));
    if (isKnown && !this.own.has(this.key(event))) return { outcome: 'stale' };
    this.own.add(this.key(event));
    return super.invite(event, basis, context);
  }

  readonly own = new Set<string>();
}

/** Holds the lock of the room while it asks the other server. */
export class LocksTheRoom extends ReferenceRemoteInvites {
  override async ask(built: BuiltInvite, context: CallContext): Promise<RemoteResult | undefined> {
    const answer = super.ask(built, context);
    this.tables.locks.set(built.event.room_id, answer);
    return answer;
  }
}

/** Asks one server at a time. */
export class AsksOneAtATime extends ReferenceRemoteInvites {
  last: Promise<unknown> = Promise.resolve();

  override ask(built: BuiltInvite, context: CallContext): Promise<RemoteResult | undefined> {
    const answer = this.last.then(() => super.ask(built, context));
    this.last = answer.catch(() => {});
    return answer;
  }
}

/** Never looks at the signal. */
export class IgnoresTheSignal extends ReferenceRemoteInvites {
  override invite(event: NewStateEvent, basis: StateSnapshot): Promise<RemoteResult> {
    return super.invite(event, basis, { signal: new AbortController().signal });
  }
}

/** Gives up nothing. */
export class AbandonsNothing extends ReferenceRemoteInvites {
  override async abandon(): Promise<void> {
    await pause();
  }
}

/** Gives up every invite of the room. */
export class AbandonsTheRoom extends ReferenceRemoteInvites {
  override async abandon(event: NewStateEvent): Promise<void> {
    for (const [key, built] of this.tables.built)
      if (built.event.room_id === event.room_id) this.tables.built.delete(key);
  }
}

/** Gives up what the room has already. */
export class WithdrawsWhatIsStored extends ReferenceRemoteInvites {
  override async abandon(event: NewStateEvent): Promise<void> {
    this.tables.rooms.get(event.room_id)?.current.delete(this.storage.keyText(event));
    await super.abandon(event);
  }
}

/** Rejects if there is nothing to give up. */
export class MissesWhatIsGone extends ReferenceRemoteInvites {
  override async abandon(event: NewStateEvent): Promise<void> {
    await turn();
    if (!this.tables.built.delete(this.key(event))) throw new Error('no such invite');
  }
}

/** Returns only what its own process has begun. */
export class ForgetsOtherProcesses extends ReferenceRemoteInvites {
  readonly own: BuiltInvite[] = [];

  override async build(event: NewStateEvent): Promise<BuiltInvite> {
    const built = await super.build(event);
    this.own.push(built);
    return built;
  }

  override async *unfinished(): AsyncGenerator<{ event: NewStateEvent }> {
    yield* this.own.filter(({ event }) => this.tables.built.has(this.key(event)));
  }
}

/** Returns the newest first. */
export class NewestFirst extends ReferenceRemoteInvites {
  override async *unfinished(): AsyncGenerator<{ event: NewStateEvent }> {
    yield* [...this.tables.built.values()].reverse();
  }
}

/** Returns events without the reason, which equal no call. */
export class LosesTheContent extends ReferenceRemoteInvites {
  override async *unfinished(): AsyncGenerator<{ event: NewStateEvent }> {
    for await (const { event } of super.unfinished())
      yield { event: { ...event, content: { membership: 'invite' } } };
  }
}

/** Keeps what it has completed. */
export class KeepsWhatIsDone extends ReferenceRemoteInvites {
  override async invite(
    event: NewStateEvent,
    basis: StateSnapshot,
    context: CallContext,
  ): Promise<RemoteResult> {
    const result = await super.invite(event, basis, context);
    if (result.outcome === 'appended') await this.build(event);
    return result;
  }
}

/** Keeps what was stale once. */
export class KeepsWhatWasStale extends ReferenceRemoteInvites {
  override async append(built: BuiltInvite, basis: StateSnapshot): Promise<AppendResult & RemoteAnswer> {
    const result = await super.append(built, basis);
    if (result.outcome === 'stale') this.tables.built.set(`stale ${built.eventId}`, built);
    return result;
  }
}

/** Keeps what the other server has refused. */
export class KeepsWhatIsRefused extends ReferenceRemoteInvites {
  override async invite(
    event: NewStateEvent,
    basis: StateSnapshot,
    context: CallContext,
  ): Promise<RemoteResult> {
    const result = await super.invite(event, basis, context);
    if (result.outcome === 'refused') await this.build(event);
    return result;
  }
}
