import { MemoryGraphStorage } from '../../../adapters/storage/memory-graph/index.ts';
import { MatrixError, StorageUnavailableError } from '../../../src/errors.ts';
import { type Pdu, signPdu } from '../../../src/pdu/index.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { BuildResult, BuiltInvite, RoomGraph } from '../../../src/ports/room-graph.ts';
import type { AppendResult, StateSnapshot, StorageAdapter } from '../../../src/ports/storage.ts';
import type { NewStateEvent } from '../../../src/rooms/event.ts';
import type { GraphInstance } from '../../../src/testing/index.ts';
import { SIGNER } from '../../support/graph-room.ts';
import { REFUSED } from '../graph-harness.ts';

type Build = [event: NewStateEvent, basis: StateSnapshot, context: CallContext];
type Append = [invite: BuiltInvite, pdu: Pdu, basis: StateSnapshot, context: CallContext];
type Unfinished = Parameters<MemoryGraphStorage['unfinished']>;

/** A correct graph, whose built invites a faulty one can change. */
export class ReferenceGraph extends MemoryGraphStorage {
  readonly outage: Error = new StorageUnavailableError('no connection');

  constructor() {
    super({ signer: SIGNER });
  }

  /** Changes an invite before it is returned. */
  change(invite: BuiltInvite): BuiltInvite | Promise<BuiltInvite> {
    return invite;
  }

  override async build(...call: Build): Promise<BuildResult> {
    const result = await super.build(...call);
    return result.outcome === 'built' ? { ...result, invite: await this.change(result.invite) } : result;
  }

  override async append(...call: Append): Promise<AppendResult> {
    const [, pdu] = call;
    if (pdu.content.reason !== REFUSED.reason) return super.append(...call);
    return { outcome: 'refused', error: new MatrixError(403, 'M_FORBIDDEN', 'Refused by the host') };
  }

  /** Returns the graph as another process sees it, or as it is after a crash. */
  elsewhere(): GraphInstance {
    return { graph: this, storage: this };
  }

  /** Returns the graph as it is while the store cannot be reached. */
  unreachable(): GraphInstance {
    const fail = () => Promise.reject(this.outage);
    const graph = { build: fail, append: fail, hasJoinedMember: fail, discard: fail, unfinished: fail };
    return { graph, storage: { readState: fail, appendEvent: fail } };
  }
}

/** Changes fields of the PDU, and signs it again. */
class ChangesThePdu extends ReferenceGraph {
  fields(_pdu: Pdu): Partial<Pdu> {
    return {};
  }

  override async change({ pdu, ...invite }: BuiltInvite): Promise<BuiltInvite> {
    const changed = { ...pdu, ...this.fields(pdu), signatures: {} } as Pdu;
    return {
      ...invite,
      pdu: await signPdu(changed, invite.roomVersion, SIGNER, { signal: new AbortController().signal }),
    };
  }
}

/** Uses its own clock. */
export class StampsTheEvent extends ChangesThePdu {
  override fields(): Partial<Pdu> {
    return { origin_server_ts: Date.now() };
  }
}

/** Adds `origin`, which PDUs no longer have. */
export class AddsAnOrigin extends ChangesThePdu {
  override fields(): Partial<Pdu> {
    return { origin: SIGNER.serverName };
  }
}

/** Adds the event ID in every room version. */
export class AddsTheEventId extends ReferenceGraph {
  override change({ pdu, eventId, ...invite }: BuiltInvite): BuiltInvite {
    return { ...invite, eventId, pdu: { ...pdu, event_id: eventId } };
  }
}

/** Leaves out the target's member. */
export class ForgetsAnAuthEvent extends ChangesThePdu {
  override fields({ auth_events }: Pdu): Partial<Pdu> {
    return { auth_events: auth_events.slice(0, -1) };
  }
}

/** Has the depth of the last event. */
export class CountsOneLess extends ChangesThePdu {
  override fields({ depth }: Pdu): Partial<Pdu> {
    return { depth: depth - 1 };
  }
}

/** Refers to an event twice. */
export class RepeatsAReference extends ChangesThePdu {
  override fields({ prev_events }: Pdu): Partial<Pdu> {
    return { prev_events: [...prev_events, ...prev_events] };
  }
}

/** Names the create event as the last one. */
export class FollowsTheFirstEvent extends ChangesThePdu {
  override fields({ prev_events, auth_events }: Pdu): Partial<Pdu> {
    return { prev_events: auth_events.slice(0, 1), depth: prev_events.length + 1 };
  }
}

/** Shows only the create event. */
export class ShowsLittle extends ReferenceGraph {
  override change(invite: BuiltInvite): BuiltInvite {
    return { ...invite, inviteState: invite.inviteState.slice(0, 1) };
  }
}

/** Shows the room as it was when the invite was first built. */
export class ShowsThePast extends ReferenceGraph {
  readonly shown = new Map<string, readonly Pdu[]>();

  override change(invite: BuiltInvite): BuiltInvite {
    const inviteState = this.shown.get(invite.eventId) ?? invite.inviteState;
    this.shown.set(invite.eventId, inviteState);
    return { ...invite, inviteState };
  }
}

/** Shows events without what other servers need. */
export class ShowsStrippedState extends ReferenceGraph {
  override change(invite: BuiltInvite): BuiltInvite {
    const inviteState = invite.inviteState.map((pdu) => ({ ...pdu, content: {} }));
    return { ...invite, inviteState };
  }
}

/** Builds whatever the basis is. */
export class BuildsOnAnyBasis extends ReferenceGraph {
  override async build(
    event: NewStateEvent,
    basis: StateSnapshot,
    context: CallContext,
  ): Promise<BuildResult> {
    const current = await this.readState(basis.roomId, basis.keys, context);
    return super.build(event, current ?? basis, context);
  }
}

/** Resolves `stale` for a room that is local. */
export class IsStaleForLocalRooms extends ReferenceGraph {
  override async build(...call: Build): Promise<BuildResult> {
    const result = await super.build(...call);
    return result.outcome === 'notFederated' ? { outcome: 'stale' } : result;
  }
}

/** Has another ID than the hash. */
export class MakesUpTheId extends ReferenceGraph {
  override change(invite: BuiltInvite): BuiltInvite {
    return { ...invite, eventId: `$${Buffer.alloc(32, 1).toString('base64url')}` };
  }
}

/** Does not sign. */
export class DoesNotSign extends ReferenceGraph {
  override change({ pdu, ...invite }: BuiltInvite): BuiltInvite {
    return { ...invite, pdu: { ...pdu, signatures: {} } };
  }
}

/** Changes the content after it was hashed. */
export class HashesTooEarly extends ChangesThePdu {
  override fields({ content }: Pdu): Partial<Pdu> {
    return { content: { ...content, reason: 'added' } };
  }
}

/** Names another room version. */
export class NamesAnotherVersion extends ReferenceGraph {
  override change(invite: BuiltInvite): BuiltInvite {
    return { ...invite, roomVersion: '1' };
  }
}

/** Appends what it builds. */
export class AppendsWhatItBuilds extends ReferenceGraph {
  override async build(...call: Build): Promise<BuildResult> {
    const [, basis, context] = call;
    const result = await super.build(...call);
    if (result.outcome === 'built') await this.append(result.invite, result.invite.pdu, basis, context);
    return result;
  }
}

/** Builds although nobody waits any more. */
export class IgnoresTheSignal extends ReferenceGraph {
  override build(event: NewStateEvent, basis: StateSnapshot): Promise<BuildResult> {
    return super.build(event, basis, never());
  }

  override append(invite: BuiltInvite, pdu: Pdu, basis: StateSnapshot): Promise<AppendResult> {
    return super.append(invite, pdu, basis, never());
  }
}

/** Builds anew each time. */
export class BuildsAnew extends ReferenceGraph {
  override async build(...call: Build): Promise<BuildResult> {
    const [, , context] = call;
    const result = await super.build(...call);
    if (result.outcome === 'built') await super.discard(result.invite, context);
    return result;
  }
}

/** Keeps one invite of each user, whoever the sender is and whatever the content. */
export class KeepsOnePerUser extends ReferenceGraph {
  readonly kept = new Map<string, BuiltInvite>();

  override change(invite: BuiltInvite): BuiltInvite {
    const name = `${invite.pdu.room_id} ${invite.pdu.state_key}`;
    const kept = this.kept.get(name) ?? invite;
    this.kept.set(name, kept);
    return kept;
  }
}

/** Keeps what it built in the memory of one process. */
export class KeepsInMemory extends ReferenceGraph {
  override elsewhere(): GraphInstance {
    const build = async (...[event, basis, context]: Build) => {
      for (const invite of await this.unfinished({ olderThanMs: 0, limit: 1_000_000 }, context)) {
        await this.discard(invite, context);
      }
      return this.build(event, basis, context);
    };
    const graph: RoomGraph = {
      build,
      append: (...call) => this.append(...call),
      hasJoinedMember: (...call) => this.hasJoinedMember(...call),
      discard: async () => {},
      unfinished: async () => [],
    };
    return { graph, storage: this };
  }
}

/** Keeps what it appended in the memory of one process. */
export class AppendsInMemory extends ReferenceGraph {
  override elsewhere(): GraphInstance {
    const readState = async (...call: Parameters<StorageAdapter['readState']>) => {
      const snapshot = await this.readState(...call);
      const events = snapshot?.events.filter(({ content }) => content.membership !== 'invite') ?? [];
      return snapshot && { ...snapshot, events };
    };
    return { graph: this, storage: { readState, appendEvent: (...call) => this.appendEvent(...call) } };
  }
}

/** Throws the driver's error. */
export class ThrowsTheDriversError extends ReferenceGraph {
  override readonly outage = new Error('connect ECONNREFUSED');
}

/** Stores what the host refuses. */
export class StoresTheRefused extends ReferenceGraph {
  override async append(...call: Append): Promise<AppendResult> {
    const result = await super.append(...call);
    if (result.outcome === 'refused') await MemoryGraphStorage.prototype.append.apply(this, call);
    return result;
  }
}

/** Calls an event stale that the host refuses. */
export class CallsTheRefusedStale extends ReferenceGraph {
  override async append(...call: Append): Promise<AppendResult> {
    const result = await super.append(...call);
    return result.outcome === 'refused' ? { outcome: 'stale' } : result;
  }
}

/** Gives the same PDU again whatever has changed. */
export class KeepsOldPdus extends ReferenceGraph {
  readonly kept = new Map<string, BuiltInvite>();

  override change(invite: BuiltInvite): BuiltInvite {
    const { room_id, state_key, sender, content } = invite.pdu;
    const name = JSON.stringify([room_id, state_key, sender, content]);
    const kept = this.kept.get(name) ?? invite;
    this.kept.set(name, kept);
    return kept;
  }
}

/** Discards nothing. */
export class DiscardsNothing extends ReferenceGraph {
  override async discard(): Promise<void> {}
}

/** Discards by appending a leave. */
export class TakesBackTheInvite extends ReferenceGraph {
  override async discard(invite: BuiltInvite, context: CallContext): Promise<void> {
    const { type, state_key = '', sender, room_id = '' } = invite.pdu;
    const content = { membership: 'leave' };
    await this.putState({ room_id, type, state_key, sender, origin_server_ts: Date.now(), content });
    return super.discard(invite, context);
  }
}

/** Throws for what it does not know. */
export class ThrowsForTheUnknown extends ReferenceGraph {
  override async discard(invite: BuiltInvite, context: CallContext): Promise<void> {
    const all = await this.unfinished({ olderThanMs: 0, limit: 1_000_000 }, context);
    if (!all.some(({ eventId }) => eventId === invite.eventId)) throw new Error('no such invite');
    return super.discard(invite, context);
  }
}

/** Returns the newest first. */
export class ReturnsTheNewestFirst extends ReferenceGraph {
  override async unfinished(...call: Unfinished): Promise<readonly BuiltInvite[]> {
    return (await super.unfinished(...call)).toReversed();
  }
}

/** Returns all, however young. */
export class ReturnsTheYoung extends ReferenceGraph {
  override unfinished(options: Unfinished[0], context: CallContext): Promise<readonly BuiltInvite[]> {
    return super.unfinished({ ...options, olderThanMs: 0 }, context);
  }
}

/** Knows no limit. */
export class IgnoresTheLimit extends ReferenceGraph {
  override unfinished(options: Unfinished[0], context: CallContext): Promise<readonly BuiltInvite[]> {
    return super.unfinished({ ...options, limit: 1_000_000 }, context);
  }
}

/** Appends whatever the basis is. */
export class AppendsOnAnyBasis extends ReferenceGraph {
  override async append(...[invite, pdu, basis, context]: Append): Promise<AppendResult> {
    const current = await this.readState(basis.roomId, basis.keys, context);
    return super.append(invite, pdu, current ?? basis, context);
  }
}

/** Compares, waits, and then appends. */
export class ComparesThenAppends extends ReferenceGraph {
  override async append(...[invite, pdu, basis, context]: Append): Promise<AppendResult> {
    const before = await this.readState(basis.roomId, basis.keys, context);
    const ids = (snapshot: StateSnapshot | undefined) =>
      JSON.stringify(snapshot?.events.map(({ event_id }) => event_id));
    if (ids(before) !== ids(basis)) return { outcome: 'stale' };
    await pause();
    const current = await this.readState(basis.roomId, basis.keys, context);
    return super.append(invite, pdu, current ?? basis, context);
  }
}

/** Requires that the room has not changed at all. */
export class WantsTheLastEvents extends ReferenceGraph {
  override async append(...call: Append): Promise<AppendResult> {
    const [invite, pdu, basis] = call;
    const last = (await this.pdus(basis.roomId, { limit: 1_000_000 }))?.events.at(-1)?.eventId ?? '';
    const isAppended = await this.has(basis.roomId, invite.eventId);
    if (!isAppended && !JSON.stringify(pdu.prev_events).includes(last)) return { outcome: 'stale' };
    return super.append(...call);
  }

  async has(roomId: string, eventId: string): Promise<boolean> {
    const page = await this.pdus(roomId, { limit: 1_000_000 });
    return page?.events.some((event) => event.eventId === eventId) ?? false;
  }
}

/** Resolves another ID. */
export class ResolvesAnotherId extends ReferenceGraph {
  override async append(...call: Append): Promise<AppendResult> {
    const result = await super.append(...call);
    return result.outcome === 'appended' ? { ...result, eventId: '$another' } : result;
  }
}

/** Is stale for an event that it has. */
export class IsStaleTheSecondTime extends ReferenceGraph {
  readonly appended = new Set<string>();

  override async append(...call: Append): Promise<AppendResult> {
    const [{ eventId }] = call;
    if (this.appended.has(eventId)) return { outcome: 'stale' };
    const result = await super.append(...call);
    if (result.outcome === 'appended') this.appended.add(eventId);
    return result;
  }
}

/** Makes an event current again that it has already. */
export class MakesItCurrentAgain extends ReferenceGraph {
  override async append(...call: Append): Promise<AppendResult> {
    const [{ pdu }, , basis, context] = call;
    const { type, state_key = '', sender, content } = pdu;
    const before = await this.readState(basis.roomId, [{ type, state_key }], context);
    const result = await super.append(...call);
    const after = await this.readState(basis.roomId, [{ type, state_key }], context);
    const isIdle = before?.events[0]?.event_id === after?.events[0]?.event_id;
    if (result.outcome === 'appended' && isIdle) {
      await this.putState({
        room_id: basis.roomId,
        type,
        state_key,
        sender,
        origin_server_ts: Date.now(),
        content,
      });
    }
    return result;
  }
}

/** Stores the PDU without the signatures of others. */
export class StoresItsOwnCopy extends ReferenceGraph {
  override append(...[invite, , basis, context]: Append): Promise<AppendResult> {
    return super.append(invite, invite.pdu, basis, context);
  }
}

/** Builds the event again on the last events when it is appended. */
export class RebuildsBeforeAppending extends ReferenceGraph {
  override async append(...[invite, , basis, context]: Append): Promise<AppendResult> {
    const { type, state_key = '', sender, content, origin_server_ts } = invite.pdu;
    const event = { room_id: basis.roomId, type, state_key, sender, content, origin_server_ts };
    await this.discard(invite, context);
    const result = await super.build(event, basis, context);
    if (result.outcome !== 'built') return { outcome: 'stale' };
    return super.append({ ...result.invite, eventId: invite.eventId }, result.invite.pdu, basis, context);
  }
}

/** Tells the sender later. */
export class SendsLater extends ReferenceGraph {
  override async pdus(...call: Parameters<ReferenceGraph['pdus']>): ReturnType<ReferenceGraph['pdus']> {
    const page = await super.pdus(...call);
    return page && { ...page, events: page.events.filter(({ pdu }) => pdu.content.membership !== 'invite') };
  }
}

/** Looks for the name at the end of user IDs. */
export class LooksAtTheEnd extends ReferenceGraph {
  override async hasJoinedMember(roomId: string, serverName: string): Promise<boolean> {
    const state = await this.roomState(roomId);
    return (
      state?.some(
        ({ type, state_key, content }) =>
          type === 'm.room.member' && state_key.endsWith(serverName) && content.membership === 'join',
      ) ?? false
    );
  }
}

/** Counts users who are invited. */
export class CountsTheInvited extends ReferenceGraph {
  override async hasJoinedMember(roomId: string, serverName: string): Promise<boolean> {
    const state = await this.roomState(roomId);
    return (
      state?.some(
        ({ type, state_key, content }) =>
          type === 'm.room.member' &&
          state_key.endsWith(`:${serverName}`) &&
          ['invite', 'join'].includes(String(content.membership)),
      ) ?? false
    );
  }
}

/** Looks in all rooms. */
export class LooksInAllRooms extends ReferenceGraph {
  readonly rooms = new Set<string>();

  override async createFederatedRoom(
    ...call: Parameters<ReferenceGraph['createFederatedRoom']>
  ): Promise<string> {
    const roomId = await super.createFederatedRoom(...call);
    this.rooms.add(roomId);
    return roomId;
  }

  override async hasJoinedMember(_: string, serverName: string, context: CallContext): Promise<boolean> {
    const found = await Promise.all(
      [...this.rooms].map((roomId) => super.hasJoinedMember(roomId, serverName, context)),
    );
    return found.includes(true);
  }
}

/** Throws for an unknown room. */
export class ThrowsForUnknownRooms extends ReferenceGraph {
  override async hasJoinedMember(...call: Parameters<ReferenceGraph['hasJoinedMember']>): Promise<boolean> {
    if ((await this.roomState(call[0])) === undefined) throw new Error('no such room');
    return super.hasJoinedMember(...call);
  }
}

function never(): CallContext {
  return { signal: new AbortController().signal };
}

function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
