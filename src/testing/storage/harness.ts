import type { StorageAdapter } from '../../ports/storage.ts';
import type { JsonObject, NewStateEvent } from '../../rooms/event.ts';
import { caseMaker, type DefineCase } from '../contract.ts';

/** The memberships in the rooms of the cases. */
export type SeedMembership = 'join' | 'invite' | 'leave' | 'ban';

/** The power levels in the rooms of the cases: for the creator and few others, with levels 0, 50 and 100. */
export type SeedPowerLevels = {
  readonly users: Readonly<Record<string, number>>;
  readonly users_default: number;
  readonly invite: number;
};

/** A room for a case, of any room version. */
export type SeedRoom = {
  readonly roomId: string;
  readonly creator: string;
  /** The memberships by user ID, including the creator's. */
  readonly members: Readonly<Record<string, SeedMembership>>;
  readonly powerLevels: SeedPowerLevels;
};

/**
 * What a host app's tables cannot hold: for each limit, the reason. The adapter must refuse an invite that exceeds one,
 * instead of storing a part of it.
 */
export type StorageLimits = {
  /** User IDs of 255 bytes. */
  readonly longUserIds?: string;
  /** Strings of more than 255 characters in an invite, such as a long reason. */
  readonly longStrings?: string;
  /** NUL in the strings of an invite. */
  readonly nul?: string;
};

/**
 * The storage contract's view of an adapter: the adapter, and functions that set up rooms and that any host
 * app can write for its own tables. The optional properties are capabilities: a case that requires a missing
 * one is skipped.
 */
export type StorageHarness = {
  readonly adapter: StorageAdapter;
  /**
   * Creates the room as described. Resolves once it is committed: to the room's real ID if the host app gives its rooms
   * their IDs, and otherwise to nothing.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: harnesses without IDs of their own resolve to nothing.
  createRoom(room: SeedRoom): Promise<{ readonly roomId: string } | void>;
  /**
   * Sets a membership, whatever it was, like the host app's own join, ban or kick. Resolves once it is
   * committed.
   */
  setMembership(roomId: string, userId: string, membership: SeedMembership, sender: string): Promise<void>;
  /** Replaces the power levels, sent by the room's creator. Resolves once they are committed. */
  setPowerLevels(roomId: string, levels: SeedPowerLevels): Promise<void>;
  /**
   * Called for every user before their ID is used: for host apps whose tables refer to a table of users. Resolves to
   * the users' real IDs, in the same order, if the host app gives its users their IDs, and otherwise to nothing.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: harnesses without IDs of their own resolve to nothing.
  createUsers?(userIds: readonly string[]): Promise<readonly string[] | void>;

  /** Set if the host app stores events: they have an `event_id`, and a replaced event is a different one. */
  readonly eventIds?: true;
  /** Stores any state event: for stores of every type, key and content, as opposed to a table of roles. */
  putState?(event: NewStateEvent): Promise<unknown>;
  /** Set if the adapter has the optional method `recall`. */
  readonly recall?: true;
  /** Returns another adapter on the same store, like one in another process. */
  secondInstance?(): Promise<StorageAdapter>;
  /**
   * Loses what a crash would lose, and returns an adapter on the rest. The first adapter is not used again.
   */
  crash?(): Promise<StorageAdapter>;
  /** Returns an adapter whose store cannot be reached. */
  unreachable?(): Promise<StorageAdapter>;
  /** A content of `m.room.member` that the host app's store refuses. */
  readonly refusedContent?: JsonObject;
  /** What the host app's tables cannot hold, and why. Cases that exceed a limit are skipped. */
  readonly limits?: StorageLimits;
  /** Releases the resources of the harness. */
  close?(): Promise<void>;
};

/** Defines a case of the storage contract. */
export const storageCase: DefineCase<StorageHarness> = caseMaker();
