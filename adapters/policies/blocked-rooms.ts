import { checkOptions } from '../../src/internal/options.ts';
import type { CallContext } from '../../src/ports/context.ts';
import type { InvitePolicy } from '../../src/ports/policy.ts';
import { isRoomId } from '../../src/rooms/identifiers.ts';
import type { Answer } from './shared/answer.ts';
import { idListOption, idTest } from './shared/id-list.ts';
import { type RefusalOptions, refusalChecks, refusalFrom } from './shared/refusal.ts';

/** The options of {@link blockedRooms}. */
export type BlockedRoomsOptions = RefusalOptions & {
  /**
   * The ids of the rooms, read once; or a function that is asked of each room and answers `true` or `false`.
   * Required.
   */
  readonly rooms: Iterable<string> | ((roomId: string, context: CallContext) => Answer<boolean>);
};

/**
 * Nobody may be invited to these rooms: 403 `M_FORBIDDEN`, unless the options say otherwise. Only who is in the
 * room and could invite is told that it is blocked; to others the room's own rules answer first.
 *
 * ```ts
 * policies: [blockedRooms({ rooms: ['!spam:example.org'] })]
 * ```
 *
 * It holds for administrators too: a blocked room is blocked. Where they should pass, use `except`. A function that
 * throws, is late, or answers anything but `true` or `false` blocks the room.
 *
 * @throws {TypeError} for an unknown, missing or ill-typed option, and for an entry that is no room id
 * @see [errors, Ready-made policies](../../docs/errors.md#ready-made-policies)
 */
export function blockedRooms(options: BlockedRoomsOptions): InvitePolicy {
  checkOptions<BlockedRoomsOptions>('blockedRooms', options, { rooms: idListOption, ...refusalChecks });
  const isBlocked = idTest('blockedRooms: rooms', options.rooms, isRoomId, '!room:example.org');
  const refusal = refusalFrom(options, { message: 'This room is blocked on this server' });
  return {
    name: 'blockedRooms',
    async decide({ roomId }, context) {
      return (await isBlocked(roomId, context)) ? refusal : undefined;
    },
  };
}
