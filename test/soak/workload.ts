import type { JsonObject, StateKey } from '../../src/rooms/event.ts';
import type { SeededRandom } from './random.ts';
import type { RoomPlan, Rooms } from './room-plan.ts';

/** The next call of a caller. */
export type Operation = {
  readonly kind: 'invite' | 'put';
  readonly roomId: string;
  readonly sender: string;
  readonly key: StateKey;
  readonly content: JsonObject;
};

const KINDS = { invite: 60, join: 12, leave: 9, kick: 5, ban: 4, unban: 6, power: 4 };
type Kind = keyof typeof KINDS;

/** The probability of repeating the previous invite unchanged, as a client does that lost the response. */
const REPEAT_PROBABILITY = 0.05;
/** The probability of an invite to an unknown room. */
const UNKNOWN_ROOM_PROBABILITY = 0.003;

/**
 * - `mixed`: many rooms, one of them hot
 * - `contended`: one room with few users
 */
export type Traffic = 'mixed' | 'contended';

const TRAFFIC = {
  mixed: { hot: 30, large: 15, small: 55 },
  contended: { hot: 1, large: 0, small: 0 },
};

/** Generates the operations of a round: random, but the same for the same seed. */
export class Workload {
  readonly #round: string;
  readonly #rooms: Rooms;
  readonly #random: SeededRandom;
  readonly #traffic: Traffic;
  #count = 0;
  #lastInvite: Operation | undefined;

  constructor(round: string, rooms: Rooms, random: SeededRandom, traffic: Traffic) {
    this.#traffic = traffic;
    this.#round = round;
    this.#rooms = rooms;
    this.#random = random;
  }

  next(): Operation {
    this.#count += 1;
    if (this.#lastInvite !== undefined && this.#random.chance(REPEAT_PROBABILITY)) return this.#lastInvite;
    const plan = this.#room();
    const operation = this.#operation(
      plan,
      this.#random.pickWeighted(KINDS),
      `${this.#round}-${this.#count}`,
    );
    if (operation.kind === 'invite') this.#lastInvite = operation;
    return operation;
  }

  #room(): RoomPlan {
    const which = this.#random.pickWeighted(TRAFFIC[this.#traffic]);
    return which === 'small' ? this.#random.pick(this.#rooms.small) : this.#rooms[which];
  }

  #operation(plan: RoomPlan, kind: Kind, tag: string): Operation {
    const random = this.#random;
    const user = random.pick(plan.users);
    const byMember = (sender: string, membership: string): Operation => ({
      kind: 'put',
      roomId: plan.room.roomId,
      sender,
      key: { type: 'm.room.member', state_key: user },
      content: { membership, reason: tag },
    });
    switch (kind) {
      case 'invite':
        return {
          kind: 'invite',
          roomId: random.chance(UNKNOWN_ROOM_PROBABILITY) ? '!nowhere:example.org' : plan.room.roomId,
          sender: random.chance(0.5) ? plan.creator : random.pick(plan.actors),
          key: { type: 'm.room.member', state_key: user },
          content: { membership: 'invite', reason: tag },
        };
      case 'join':
        return byMember(user, 'join');
      case 'leave':
        return byMember(user, 'leave');
      case 'kick':
      case 'unban':
        return byMember(plan.creator, 'leave');
      case 'ban':
        return byMember(plan.creator, 'ban');
      case 'power':
        return {
          kind: 'put',
          roomId: plan.room.roomId,
          sender: plan.creator,
          key: { type: 'm.room.power_levels', state_key: '' },
          content: { ...this.#powerLevels(plan), tag },
        };
    }
  }

  #powerLevels({ creator, actors }: RoomPlan): JsonObject {
    const random = this.#random;
    // A string is a level in some room versions and unreadable in others.
    const level = () => (random.chance(0.1) ? '50' : random.pick([0, 50, 100]));
    const users = Object.fromEntries(actors.map((actor) => [actor, level()]));
    return { invite: random.pick([0, 0, 50, '50']), users: { ...users, [creator]: 100 } };
  }
}
