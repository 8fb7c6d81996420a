import { randomBytes } from 'node:crypto';
import type { Pdu } from '../../pdu/index.ts';
import type { BuiltInvite } from '../../ports/room-graph.ts';
import type { AppendResult, NewRoom, StateSnapshot } from '../../ports/storage.ts';
import type { JsonObject, NewStateEvent, StateKey, StrippedStateEvent } from '../../rooms/event.ts';
import { CREATE_KEY, memberKey, POWER_LEVELS_KEY } from '../../rooms/room-state.ts';
import { ROOM_VERSIONS } from '../../rooms/room-version.ts';
import { check, checkSame } from '../check.ts';
import { deadlineContext } from '../context.ts';
import { newUserId, range } from '../random.ts';
import type { GraphInstance, RoomGraphHarness } from './harness.ts';

export const NAME: StateKey = { type: 'm.room.name', state_key: '' };
export const JOIN_RULES: StateKey = { type: 'm.room.join_rules', state_key: '' };

/** The server of the users that cases invite. */
export const REMOTE_SERVER = 'remote.example.com';

/** A room that no other case uses, with Alice, who created it, and Bob, who may do as much. */
export class GraphRoom {
  readonly id: string;
  readonly alice: string;
  readonly bob: string;
  readonly version: string;
  readonly #harness: RoomGraphHarness;

  private constructor(
    harness: RoomGraphHarness,
    id: string,
    [alice = '', bob = '']: string[],
    version: string,
  ) {
    this.#harness = harness;
    this.id = id;
    this.alice = alice;
    this.bob = bob;
    this.version = version;
  }

  static async create(
    harness: RoomGraphHarness,
    options: { roomVersion?: string; isLocal?: boolean } = {},
  ): Promise<GraphRoom> {
    const { roomVersion = harness.roomVersions.at(-1) ?? '', isLocal = false } = options;
    const [alice, bob] = [newUserId('alice', harness.serverName), newUserId('bob', harness.serverName)];
    const room = { roomVersion, creator: alice, state: initialState(alice, bob, roomVersion) };
    const create = isLocal ? harness.createLocalRoom : harness.createRoom;
    check(create !== undefined, 'the harness has no createLocalRoom');
    const { roomId } = await create.call(harness, room);
    return new GraphRoom(harness, roomId, [alice, bob], roomVersion);
  }

  /** Returns the ID of a user of another server who is not in the room. */
  stranger(): string {
    return newUserId('dave', REMOTE_SERVER);
  }

  strangers(count: number): string[] {
    return range(count).map(() => this.stranger());
  }

  invite(userId: string, more: JsonObject = {}, sender: string = this.alice): NewStateEvent {
    return this.event(memberKey(userId), { membership: 'invite', ...more }, sender);
  }

  event(key: StateKey, content: JsonObject, sender: string = this.alice): NewStateEvent {
    const { type, state_key } = key;
    return { room_id: this.id, type, state_key, sender, origin_server_ts: Date.now(), content };
  }

  async put(key: StateKey, content: JsonObject, sender?: string): Promise<void> {
    await this.#harness.putState(this.event(key, content, sender));
  }

  /** Sets the power level for invites. */
  setInviteLevel(invite: number): Promise<void> {
    return this.put(POWER_LEVELS_KEY, levelsOf(this.alice, this.bob, this.version, invite));
  }

  async read(keys: readonly StateKey[], { storage }: GraphInstance = this.#harness): Promise<StateSnapshot> {
    const snapshot = await storage.readState(this.id, keys, deadlineContext());
    check(snapshot !== undefined, 'readState resolved undefined for a room that exists');
    return snapshot;
  }

  async current(key: StateKey, instance?: GraphInstance): Promise<StrippedStateEvent | undefined> {
    return (await this.read([key], instance)).events[0];
  }

  /** Reads the basis of an invite of the user, by Alice or Bob. */
  basisFor(userId: string, instance?: GraphInstance): Promise<StateSnapshot> {
    const members = [this.alice, this.bob, userId].map(memberKey);
    return this.read([CREATE_KEY, POWER_LEVELS_KEY, JOIN_RULES, ...members], instance);
  }

  /** Builds an invite, which must succeed. */
  async built(
    event: NewStateEvent,
    options: { basis?: StateSnapshot; instance?: GraphInstance } = {},
  ): Promise<BuiltInvite> {
    const { instance = this.#harness } = options;
    const basis = options.basis ?? (await this.basisFor(event.state_key, instance));
    const result = await instance.graph.build(event, basis, deadlineContext());
    check(result.outcome === 'built', `build resolved ${result.outcome} on the current state`);
    return result.invite;
  }

  append(
    invite: BuiltInvite,
    basis: StateSnapshot,
    options: { pdu?: Pdu; instance?: GraphInstance } = {},
  ): Promise<AppendResult> {
    const { pdu = countersigned(invite.pdu), instance = this.#harness } = options;
    return instance.graph.append(invite, pdu, basis, deadlineContext());
  }

  /** Builds an invite on the current state and appends it, which must succeed. */
  async invited(userId: string, instance?: GraphInstance): Promise<BuiltInvite> {
    const basis = await this.basisFor(userId, instance);
    const invite = await this.built(this.invite(userId), { basis, ...(instance && { instance }) });
    const { outcome } = await this.append(invite, basis, instance && { instance });
    checkSame(outcome, 'appended', 'outcome of append');
    return invite;
  }

  pdus(): Promise<readonly Pdu[]> {
    return this.#harness.pdus(this.id);
  }
}

/** Returns a PDU with a signature of the invitee's server beside those that it has. */
export function countersigned(pdu: Pdu): Pdu {
  const signature = randomBytes(64).toString('base64').replace(/=+$/, '');
  return { ...pdu, signatures: { ...pdu.signatures, [REMOTE_SERVER]: { 'ed25519:1': signature } } };
}

function initialState(alice: string, bob: string, roomVersion: string): NewRoom['state'] {
  const events: [StateKey, JsonObject, string?][] = [
    [memberKey(alice), { membership: 'join', displayname: 'Alice' }],
    [POWER_LEVELS_KEY, levelsOf(alice, bob, roomVersion, 0)],
    [JOIN_RULES, { join_rule: 'public' }],
    [memberKey(bob), { membership: 'join' }, bob],
    [{ type: 'm.room.canonical_alias', state_key: '' }, {}],
    [NAME, { name: 'A room' }],
    [{ type: 'm.room.topic', state_key: '' }, { topic: 'a topic \u{1f389}' }],
    [{ type: 'm.room.avatar', state_key: '' }, { url: 'mxc://example.org/avatar' }],
    [{ type: 'm.room.encryption', state_key: '' }, { algorithm: 'm.megolm.v1.aes-sha2' }],
    [{ type: 'm.room.history_visibility', state_key: '' }, { history_visibility: 'shared' }],
  ];
  return events.map(([key, content, sender = alice]) => ({
    ...key,
    sender,
    origin_server_ts: Date.now(),
    content,
  }));
}

/** In room version 12, the creator has infinite power, and must not be in the power levels. */
function levelsOf(alice: string, bob: string, roomVersion: string, invite: number): JsonObject {
  const isCreatorNamed = !ROOM_VERSIONS.get(roomVersion)?.creatorsHaveInfinitePower;
  return { users: { ...(isCreatorNamed ? { [alice]: 100 } : {}), [bob]: 100 }, invite };
}
