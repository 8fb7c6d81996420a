import { randomUUID } from 'node:crypto';
import type { CallContext } from '../../src/ports/context.ts';
import {
  type AddressClaim,
  type AddressKey,
  CLAIM_MS,
  type PendingAddressInvites,
} from '../../src/ports/pending-address-invites.ts';
import type {
  AppendResult,
  NewRoom,
  RoomStore,
  StateSnapshot,
  TimelinePage,
} from '../../src/ports/storage.ts';
import type { StoredAddressInvite } from '../../src/ports/third-party.ts';
import type { NewStateEvent, StateEvent, StateKey } from '../../src/rooms/event.ts';
import { throwIfAborted } from './shared/aborted.ts';
import { inProgress, isClaimed } from './shared/claim.ts';
import { MemoryRoom } from './shared/memory-room.ts';
import { checkBasis } from './shared/same-state.ts';
import { copyOfKeys } from './shared/state-key.ts';
import { timelineOptions } from './shared/timeline-options.ts';

/**
 * Stores rooms in the memory of one process, for demos and tests. They are lost when the process ends, and no other
 * process sees them.
 *
 * Every method does its work synchronously, before it returns a promise, so it needs no lock.
 */
export class MemoryStorage implements RoomStore, PendingAddressInvites {
  readonly #rooms = new Map<string, MemoryRoom>();
  readonly #addresses = new Map<string, PendingAddress>();

  /** Does nothing: there are no tables. */
  async migrate(): Promise<void> {}

  async createRoom({ roomId, state }: NewRoom): Promise<'created' | 'exists'> {
    if (this.#rooms.has(roomId)) return 'exists';
    const room = new MemoryRoom();
    for (const event of state) room.add({ ...event, room_id: roomId });
    this.#rooms.set(roomId, room);
    return 'created';
  }

  async readState(
    roomId: string,
    keys: readonly StateKey[],
    context: CallContext,
  ): Promise<StateSnapshot | undefined> {
    throwIfAborted(context);
    const room = this.#rooms.get(roomId);
    if (room === undefined) return undefined;
    const events = room.current(keys);
    return { roomId, keys: copyOfKeys(keys), events, revision: undefined };
  }

  async appendEvent(event: NewStateEvent, basis: StateSnapshot, context: CallContext): Promise<AppendResult> {
    checkBasis(event, basis);
    throwIfAborted(context);
    const room = this.#rooms.get(event.room_id);
    if (room === undefined || !room.isStill(basis)) return { outcome: 'stale' };
    return { outcome: 'appended', eventId: room.add(event) };
  }

  async putState(event: NewStateEvent): Promise<{ eventId: string } | undefined> {
    const room = this.#rooms.get(event.room_id);
    return room && { eventId: room.add(event) };
  }

  async roomState(roomId: string): Promise<StateEvent[] | undefined> {
    return this.#rooms.get(roomId)?.state();
  }

  async timeline(
    roomId: string,
    options?: { readonly after?: number | undefined; readonly limit?: number | undefined },
  ): Promise<TimelinePage | undefined> {
    const { after, limit } = timelineOptions(options);
    return this.#rooms.get(roomId)?.page(after, limit);
  }

  async claimAddress(key: AddressKey, context: CallContext): Promise<AddressClaim> {
    throwIfAborted(context);
    const name = nameOfAddress(key);
    const pending = this.#addresses.get(name);
    if (pending?.invite !== undefined) return { outcome: 'stored', invite: structuredClone(pending.invite) };
    if (pending !== undefined && isClaimed(pending.until)) return inProgress(pending.until - Date.now());
    const claimId = randomUUID();
    this.#addresses.set(name, { claimId, until: Date.now() + CLAIM_MS });
    return { outcome: 'claimed', claimId };
  }

  async settleAddress(
    key: AddressKey,
    claimId: string,
    invite: StoredAddressInvite,
    context: CallContext,
  ): Promise<StoredAddressInvite> {
    throwIfAborted(context);
    const name = nameOfAddress(key);
    const stored = this.#addresses.get(name)?.invite ?? structuredClone(invite);
    this.#addresses.set(name, { claimId, until: 0, invite: stored });
    return structuredClone(stored);
  }

  async releaseAddress(key: AddressKey, claimId: string, context: CallContext): Promise<void> {
    throwIfAborted(context);
    const pending = this.#addresses.get(nameOfAddress(key));
    if (pending?.claimId === claimId && pending.invite === undefined)
      this.#addresses.delete(nameOfAddress(key));
  }

  async forgetAddress(key: AddressKey, token: string, context: CallContext): Promise<void> {
    throwIfAborted(context);
    const name = nameOfAddress(key);
    if (this.#addresses.get(name)?.invite?.token === token) this.#addresses.delete(name);
  }
}

/** An address that was claimed or, with an invite, settled. */
type PendingAddress = {
  readonly claimId: string;
  /** The Unix time in milliseconds at which the claim ends. */
  readonly until: number;
  readonly invite?: StoredAddressInvite;
};

function nameOfAddress({ roomId, addressHash }: AddressKey): string {
  return `${addressHash} ${roomId}`;
}
