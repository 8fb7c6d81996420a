import { randomUUID } from 'node:crypto';
import { MatrixError, StorageUnavailableError } from '../../../src/errors.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { RemoteAnswer, RemoteInvite, RemoteInvites } from '../../../src/ports/remote-invites.ts';
import type { AppendResult, StateSnapshot } from '../../../src/ports/storage.ts';
import { isSameJson } from '../../../src/rooms/content.ts';
import type { JsonObject, NewStateEvent, StateEvent, StateKey } from '../../../src/rooms/event.ts';
import { domainOf } from '../../../src/rooms/identifiers.ts';
import type { RemoteBehavior, RemoteInvitesHarness } from '../../../src/testing/remote-invites/harness.ts';
import { TestInbox } from '../../support/test-inbox.ts';
import { pause, type ReferenceRoom, ReferenceStorage } from './storage.ts';

/** An invite that was begun. */
export type BuiltInvite = { readonly eventId: string; readonly event: NewStateEvent; isAccepted: boolean };

/** What a database would hold. */
export type ReferenceTables = {
  rooms: Map<string, ReferenceRoom>;
  built: Map<string, BuiltInvite>;
  /** Whoever changes a room waits for its lock. A correct adapter holds none. */
  locks: Map<string, Promise<unknown>>;
  isDown?: boolean;
};

export type RemoteResult = Awaited<ReturnType<RemoteInvites['invite']>>;

/** The smallest correct adapter for remote invites. Its parts are methods, so that a faulty one can break a single one. */
export class ReferenceRemoteInvites implements RemoteInvites {
  readonly timeoutMs = 20_000;
  readonly storage: ReferenceStorage;
  readonly tables: ReferenceTables;
  readonly inbox: string;

  /** @param inbox the URL of the other server */
  constructor(tables: ReferenceTables, inbox: string) {
    this.tables = tables;
    this.storage = new ReferenceStorage(tables.rooms);
    this.inbox = inbox;
  }

  stateKeys(_invite: RemoteInvite): readonly StateKey[] {
    return [{ type: 'm.room.server_acl', state_key: '' }];
  }

  concerns({ userId }: RemoteInvite, _state: StateSnapshot): boolean {
    return domainOf(userId) !== 'example.org';
  }

  objectionTo(_invite: RemoteInvite, _state: StateSnapshot): MatrixError | undefined {
    return undefined;
  }

  async invite(event: NewStateEvent, basis: StateSnapshot, context: CallContext): Promise<RemoteResult> {
    context.signal.throwIfAborted();
    const built = await this.build(event);
    if (!built.isAccepted) {
      const refused = await this.ask(built, context);
      if (refused !== undefined) {
        this.forget(event);
        return refused;
      }
      built.isAccepted = true;
    }
    const result = await this.append(built, basis);
    if (result.outcome === 'appended') this.forget(event);
    return { ...result, remoteStatus: 200 };
  }

  async abandon(event: NewStateEvent): Promise<void> {
    await pause();
    this.forget(event);
  }

  async *unfinished(): AsyncGenerator<{ event: NewStateEvent }> {
    for (const { event } of [...this.tables.built.values()]) {
      await pause();
      yield { event: structuredClone(event) };
    }
  }

  key({ room_id, sender, state_key, content }: NewStateEvent): string {
    return JSON.stringify([room_id, sender, state_key, content]);
  }

  async build(event: NewStateEvent): Promise<BuiltInvite> {
    await pause();
    if (this.tables.isDown) throw this.unavailable();
    const key = this.key(event);
    const known = this.tables.built.get(key);
    if (known !== undefined) return known;
    const built = { eventId: `$${randomUUID()}`, event: structuredClone(event), isAccepted: false };
    this.tables.built.set(key, built);
    return built;
  }

  /** @returns undefined if the other server accepts the invite */
  async ask({ eventId, event }: BuiltInvite, { signal }: CallContext): Promise<RemoteResult | undefined> {
    try {
      const body = JSON.stringify(event);
      const response = await fetch(`${this.inbox}/${eventId}`, { method: 'PUT', body, signal });
      await response.arrayBuffer();
      return response.ok ? undefined : this.refusal(response.status);
    } catch (cause) {
      throw new StorageUnavailableError('The other server did not respond', { cause });
    }
  }

  refusal(remoteStatus: number): RemoteResult {
    const error = new MatrixError(403, 'M_FORBIDDEN', "The user's server refuses the invite");
    return { outcome: 'refused', error, wasAsked: true, remoteStatus };
  }

  async append({ eventId, event }: BuiltInvite, basis: StateSnapshot): Promise<AppendResult & RemoteAnswer> {
    await pause();
    const room = this.tables.rooms.get(event.room_id);
    if (room?.log.some(({ event_id }) => event_id === eventId)) return { outcome: 'appended', eventId };
    if (room === undefined || !this.storage.isAsShown(room, basis)) return { outcome: 'stale' };
    const stored: StateEvent = { ...structuredClone(event), event_id: eventId };
    room.current.set(this.storage.keyText(stored), stored);
    room.log.push(stored);
    return { outcome: 'appended', eventId };
  }

  unavailable(): Error {
    return new StorageUnavailableError('no connection');
  }

  forget(event: NewStateEvent): void {
    this.tables.built.delete(this.key(event));
  }
}

/** Returns a harness with every capability, on an adapter of the class. */
export async function remoteInvitesHarness(
  Adapter: typeof ReferenceRemoteInvites = ReferenceRemoteInvites,
): Promise<RemoteInvitesHarness> {
  const inbox = await TestInbox.listen();
  const tables: ReferenceTables = { rooms: new Map(), built: new Map(), locks: new Map() };
  const instanceOn = (its: ReferenceTables) => {
    const federation = new Adapter(its, inbox.url);
    return { federation, storage: federation.storage };
  };
  const first = instanceOn(tables);
  let current = tables;
  return {
    ...first,
    unfinished: true,
    async createInvite() {
      const name = randomUUID();
      const [roomId, sender] = [`!${name}:example.org`, '@alice:example.org'];
      const event = (type: string, state_key: string, content: JsonObject) => {
        return { type, state_key, sender, origin_server_ts: 1, content };
      };
      const state = [
        event('m.room.create', '', { room_version: '11' }),
        event('m.room.member', sender, { membership: 'join' }),
      ];
      await first.storage.createRoom({ roomId, state });
      return { roomId, sender, userId: `@${name}:two.test` };
    },
    async setMember(room_id, state_key, membership) {
      const event = { room_id, type: 'm.room.member', state_key, sender: '@alice:example.org' };
      await current.locks.get(room_id);
      await new ReferenceStorage(current.rooms).putState({
        ...event,
        origin_server_ts: 2,
        content: { membership },
      });
    },
    asked: async (userId) => inbox.asked(userId),
    stored: async (roomId, userId) =>
      (current.rooms.get(roomId)?.log ?? []).filter(
        ({ state_key, content }) => state_key === userId && isSameJson(content.membership, 'invite'),
      ).length,
    behave: async (behavior: RemoteBehavior) => inbox.behave(behavior),
    secondInstance: async () => instanceOn(tables),
    async crash() {
      current = {
        rooms: structuredClone(tables.rooms),
        built: structuredClone(tables.built),
        locks: new Map(),
      };
      return instanceOn(current);
    },
    unreachable: async () => new Adapter({ ...tables, isDown: true }, inbox.url),
    close: () => inbox.close(),
  };
}
