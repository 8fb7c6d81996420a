import type { StorageAdapter } from '../../ports/storage.ts';
import type { JsonObject, NewStateEvent } from '../../rooms/event.ts';
import { caseMaker, type DefineCase } from '../contract.ts';

/** The memberships that the cases seed. */
export type SeedMembership = 'join' | 'invite' | 'leave' | 'ban';

/** The power levels that the cases seed: the creator and few others, with levels 0, 50 and 100. */
export type SeedPowerLevels = {
  readonly users: Readonly<Record<string, number>>;
  readonly users_default: number;
  readonly invite: number;
};

/** A room for a case to play in, of any room version. */
export type SeedRoom = {
  readonly roomId: string;
  readonly creator: string;
  /** By user id; the creator is among them. */
  readonly members: Readonly<Record<string, SeedMembership>>;
  readonly powerLevels: SeedPowerLevels;
};

/**
 * What the storage contract needs: the adapter, and ways to set rooms up that any host can write with its own
 * tables. The optional members are capabilities: a case that requires one which is not there is skipped.
 */
export type StorageHarness = {
  readonly adapter: StorageAdapter;
  /** Makes the room as it is described. It resolves when it is committed. */
  createRoom(room: SeedRoom): Promise<void>;
  /** Sets a membership whatever it was: the host's own join, ban, kick. It resolves when it is committed. */
  setMembership(roomId: string, userId: string, membership: SeedMembership, sender: string): Promise<void>;
  /** Replaces the power levels; the sender is the room's creator. It resolves when it is committed. */
  setPowerLevels(roomId: string, levels: SeedPowerLevels): Promise<void>;
  /** Told of every user before the id is used: for hosts whose tables refer to a table of users. */
  createUsers?(userIds: readonly string[]): Promise<void>;

  /** Set where the host keeps events: they carry an `event_id`, and a replaced event is another one. */
  readonly eventIds?: true;
  /** Stores any state event whatever: for stores that hold every type, key and content, not a table of roles. */
  putState?(event: NewStateEvent): Promise<unknown>;
  /** Another adapter on the same store, as another process would have. */
  secondInstance?(): Promise<StorageAdapter>;
  /** Loses all that a crash would lose, and gives an adapter on what is left. The first one is used no more. */
  crash?(): Promise<StorageAdapter>;
  /** An adapter whose store cannot be reached. */
  unreachable?(): Promise<StorageAdapter>;
  /** A content of `m.room.member` that the host's own store refuses. */
  readonly refusedContent?: JsonObject;
  /** Frees what the harness holds. */
  close?(): Promise<void>;
};

/** Makes a case of the storage contract. */
export const storageCase: DefineCase<StorageHarness> = caseMaker();
