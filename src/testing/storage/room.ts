import type { AppendResult, StateSnapshot, StorageAdapter } from '../../ports/storage.ts';
import type { JsonObject, NewStateEvent, StateKey, StrippedStateEvent } from '../../rooms/event.ts';
import { CREATE_KEY, memberKey, POWER_LEVELS_KEY } from '../../rooms/room-state.ts';
import { check } from '../check.ts';
import { deadlineContext } from '../context.ts';
import { HarnessFailure } from '../harness-failure.ts';
import { newRoomId, newUserId, newUserIds } from '../random.ts';
import type { SeedMembership, SeedPowerLevels, StorageHarness } from './harness.ts';

/** A room that no other case uses. Alice created it and has power level 100. Bob is a member. */
export class CaseRoom {
  readonly id: string;
  readonly alice: string;
  readonly bob: string;
  readonly #harness: StorageHarness;
  #wasRead = false;

  private constructor(harness: StorageHarness, id: string, alice: string, bob: string) {
    this.#harness = harness;
    this.id = id;
    this.alice = alice;
    this.bob = bob;
  }

  /** Creates the room, with further members by user ID, whom {@link createUsers} returned. */
  static async create(
    harness: StorageHarness,
    options: { members?: Record<string, SeedMembership>; roomId?: string } = {},
  ): Promise<CaseRoom> {
    const { members = {}, roomId = newRoomId() } = options;
    const [alice = '', bob = ''] = await createUsers(harness, [newUserId('alice'), newUserId('bob')]);
    const created = await harness.createRoom({
      roomId,
      creator: alice,
      members: { [alice]: 'join', [bob]: 'join', ...members },
      powerLevels: levelsOf(alice, 0),
    });
    return new CaseRoom(harness, created?.roomId ?? roomId, alice, bob);
  }

  /** Returns power levels for this room with this level for invites. */
  levels(invite: number): SeedPowerLevels {
    return levelsOf(this.alice, invite);
  }

  /** Creates users who are not in the room. */
  async strangers(count: number): Promise<string[]> {
    return createUsers(this.#harness, newUserIds('stranger', count));
  }

  /** Creates a user who is not in the room. */
  async stranger(): Promise<string> {
    const [userId = ''] = await this.strangers(1);
    return userId;
  }

  /** Reads a snapshot of the keys, which must not be `undefined`. */
  async read(
    keys: readonly StateKey[],
    adapter: StorageAdapter = this.#harness.adapter,
  ): Promise<StateSnapshot> {
    const snapshot = await adapter.readState(this.id, keys, deadlineContext());
    check(
      snapshot !== undefined,
      this.#wasRead ? 'readState resolved undefined for a room that exists' : this.#unreadable(),
    );
    this.#wasRead = true;
    return snapshot;
  }

  /** Says what may be wrong if the first read finds no room. */
  #unreadable(): string {
    return (
      `readState resolved undefined for ${JSON.stringify(this.id)}, which createRoom has just created. ` +
      "If the host app numbers its rooms, the harness's createRoom must resolve to { roomId }, the ID that readState " +
      'takes; if it numbers its users, createUsers must resolve to their IDs'
    );
  }

  /** Reads the current event for one key. */
  async current(key: StateKey, adapter?: StorageAdapter): Promise<StrippedStateEvent | undefined> {
    return eventOf(await this.read([key], adapter), key);
  }

  /** Reads the current membership of a user. */
  async membershipOf(userId: string, adapter?: StorageAdapter): Promise<unknown> {
    return (await this.current(memberKey(userId), adapter))?.content.membership;
  }

  /** Reads the basis of an invite by Alice. */
  basisFor(userId: string, adapter?: StorageAdapter): Promise<StateSnapshot> {
    return this.read([CREATE_KEY, POWER_LEVELS_KEY, memberKey(this.alice), memberKey(userId)], adapter);
  }

  /** Returns an invite by Alice. */
  inviteEvent(userId: string, more: JsonObject = {}): NewStateEvent {
    return this.event(memberKey(userId), { membership: 'invite', ...more });
  }

  /** Returns a state event that Alice sends. */
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

  /** Appends an invite by Alice. */
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

  /** Sets the power level for invites. */
  setInviteLevel(invite: number): Promise<void> {
    return this.#harness.setPowerLevels(this.id, this.levels(invite));
  }
}

/** Creates users, and returns their IDs: those that the harness gave them, or else the proposed ones. */
export async function createUsers(harness: StorageHarness, proposed: readonly string[]): Promise<string[]> {
  const userIds = (await harness.createUsers?.(proposed)) ?? proposed;
  if (new Set(userIds).size !== proposed.length) {
    const cause = `it must resolve to an ID for each of the ${proposed.length} users, or to nothing`;
    throw new HarnessFailure('createUsers', cause);
  }
  return [...userIds];
}

function levelsOf(creator: string, invite: number): SeedPowerLevels {
  return { users: { [creator]: 100 }, users_default: 0, invite };
}

/** Returns the event for a key in a snapshot. Fails if there are several. */
export function eventOf(snapshot: StateSnapshot, key: StateKey): StrippedStateEvent | undefined {
  const found = snapshot.events.filter(
    ({ type, state_key }) => type === key.type && state_key === key.state_key,
  );
  check(found.length <= 1, `a snapshot contains ${found.length} events for one key`);
  return found[0];
}

/** Counts the outcomes of appends. */
export function tally(results: readonly AppendResult[]): Record<AppendResult['outcome'], number> {
  const counts = { appended: 0, stale: 0, refused: 0 };
  for (const { outcome } of results) counts[outcome] += 1;
  return counts;
}
