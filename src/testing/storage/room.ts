import type { AppendResult, StateSnapshot, StorageAdapter } from '../../ports/storage.ts';
import type { JsonObject, NewStateEvent, StateKey, StrippedStateEvent } from '../../rooms/event.ts';
import { check } from '../check.ts';
import { deadlineContext } from '../context.ts';
import { newRoomId, newUserId, range } from '../random.ts';
import type { SeedMembership, SeedPowerLevels, StorageHarness } from './harness.ts';

export const CREATE: StateKey = { type: 'm.room.create', state_key: '' };
export const POWER_LEVELS: StateKey = { type: 'm.room.power_levels', state_key: '' };

/** The key of a user's membership. */
export function memberKey(userId: string): StateKey {
  return { type: 'm.room.member', state_key: userId };
}

/** A room of a case's own: alice made it and has power 100, bob is a member. */
export class CaseRoom {
  readonly id: string;
  readonly alice: string;
  readonly bob: string;
  readonly #harness: StorageHarness;

  private constructor(harness: StorageHarness, id: string, alice: string, bob: string) {
    this.#harness = harness;
    this.id = id;
    this.alice = alice;
    this.bob = bob;
  }

  /** Creates it, with further members by user id. */
  static async create(
    harness: StorageHarness,
    options: { members?: Record<string, SeedMembership>; roomId?: string } = {},
  ): Promise<CaseRoom> {
    const { members = {}, roomId = newRoomId() } = options;
    const [alice, bob] = [newUserId('alice'), newUserId('bob')];
    await harness.createUsers?.([alice, bob, ...Object.keys(members)]);
    const room = new CaseRoom(harness, roomId, alice, bob);
    await harness.createRoom({
      roomId,
      creator: alice,
      members: { [alice]: 'join', [bob]: 'join', ...members },
      powerLevels: room.levels(0),
    });
    return room;
  }

  /** Power levels of this room: only what inviting takes differs. */
  levels(invite: number): SeedPowerLevels {
    return { users: { [this.alice]: 100 }, users_default: 0, invite };
  }

  /** Users whom the room does not know yet. */
  async strangers(count: number): Promise<string[]> {
    const userIds = range(count).map((index) => newUserId(`stranger${index}`));
    await this.#harness.createUsers?.(userIds);
    return userIds;
  }

  /** One of them. */
  async stranger(): Promise<string> {
    const userId = newUserId('stranger');
    await this.#harness.createUsers?.([userId]);
    return userId;
  }

  /** A snapshot of the keys, which must not be `undefined`. */
  async read(
    keys: readonly StateKey[],
    adapter: StorageAdapter = this.#harness.adapter,
  ): Promise<StateSnapshot> {
    const snapshot = await adapter.readState(this.id, keys, deadlineContext());
    check(snapshot !== undefined, 'readState resolved undefined for a room that exists');
    return snapshot;
  }

  /** The current event under one key. */
  async current(key: StateKey, adapter?: StorageAdapter): Promise<StrippedStateEvent | undefined> {
    return eventOf(await this.read([key], adapter), key);
  }

  /** The current membership of a user. */
  async membershipOf(userId: string, adapter?: StorageAdapter): Promise<unknown> {
    return (await this.current(memberKey(userId), adapter))?.content.membership;
  }

  /** The snapshot on which an invite by alice is decided. */
  basisFor(userId: string, adapter?: StorageAdapter): Promise<StateSnapshot> {
    return this.read([CREATE, POWER_LEVELS, memberKey(this.alice), memberKey(userId)], adapter);
  }

  /** An invite by alice. */
  inviteEvent(userId: string, more: JsonObject = {}): NewStateEvent {
    return this.event(memberKey(userId), { membership: 'invite', ...more });
  }

  /** A state event that alice sends. */
  event(key: StateKey, content: JsonObject, sender: string = this.alice): NewStateEvent {
    const { type, state_key } = key;
    return { room_id: this.id, type, state_key, sender, origin_server_ts: Date.now(), content };
  }

  append(
    event: NewStateEvent,
    basis: StateSnapshot,
    adapter: StorageAdapter = this.#harness.adapter,
  ): Promise<AppendResult> {
    return adapter.appendEvent(event, basis, deadlineContext());
  }

  /** Appends an invite by alice. */
  invite(
    userId: string,
    basis: StateSnapshot,
    options: { reason?: string; adapter?: StorageAdapter } = {},
  ): Promise<AppendResult> {
    const more: JsonObject = options.reason === undefined ? {} : { reason: options.reason };
    return this.append(this.inviteEvent(userId, more), basis, options.adapter);
  }

  setMembership(userId: string, membership: SeedMembership, sender: string = this.alice): Promise<void> {
    return this.#harness.setMembership(this.id, userId, membership, sender);
  }

  /** Sets what inviting takes. */
  setInviteLevel(invite: number): Promise<void> {
    return this.#harness.setPowerLevels(this.id, this.levels(invite));
  }
}

/** The event of a snapshot under a key; that there are two of it fails. */
export function eventOf(snapshot: StateSnapshot, key: StateKey): StrippedStateEvent | undefined {
  const found = snapshot.events.filter(
    ({ type, state_key }) => type === key.type && state_key === key.state_key,
  );
  check(found.length <= 1, `a snapshot holds ${found.length} events under one key`);
  return found[0];
}

/** How many of the appends ended in each way. */
export function tally(results: readonly AppendResult[]): Record<AppendResult['outcome'], number> {
  const counts = { appended: 0, stale: 0, refused: 0 };
  for (const { outcome } of results) counts[outcome] += 1;
  return counts;
}
