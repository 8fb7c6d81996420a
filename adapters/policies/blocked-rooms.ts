import { checkOptions } from '../../src/internal/options.ts';
import type { CallContext } from '../../src/ports/context.ts';
import type { InvitePolicy } from '../../src/ports/policy.ts';
import { isRoomId } from '../../src/rooms/identifiers.ts';
import { idListOption, idTest } from './shared/id-list.ts';
import { type RefusalOptions, refusalChecks, refusalFrom } from './shared/refusal-options.ts';

/** Options for {@link blockedRooms}. */
export type BlockedRoomsOptions = RefusalOptions & {
  /** The IDs of the rooms, read once; or a function that returns true for a blocked room. Required. */
  readonly rooms: Iterable<string> | ((roomId: string, context: CallContext) => boolean | Promise<boolean>);
};

/**
 * Blocks invites to some rooms: 403 `M_FORBIDDEN`, or the response in the options. Only users who could
 * invite to the room learn that it is blocked. For everybody else, the room's own rules refuse first.
 *
 * ```ts
 * policies: [blockedRooms({ rooms: ['!spam:example.org'] })]
 * ```
 *
 * The block applies to administrators too. Use `except` to exempt them. Fails closed: if the function throws,
 * takes too long or returns anything but a boolean, the invite is refused.
 *
 * @throws {TypeError} for an unknown, missing or invalid option, and for an entry that is not a room ID
 * @see [errors, Ready-made policies](../../docs/errors.md#ready-made-policies)
 */
export function blockedRooms(options: BlockedRoomsOptions): InvitePolicy {
  const { rooms } = checkOptions<BlockedRoomsOptions>('blockedRooms', options, {
    rooms: idListOption,
    ...refusalChecks,
  });
  const isBlocked = idTest('blockedRooms: rooms', rooms, isRoomId, '!room:example.org');
  const refusal = refusalFrom(options, { message: 'This room is blocked on this server' });
  const decide = async ({ roomId }: { readonly roomId: string }, context: CallContext) =>
    (await isBlocked(roomId, context)) ? refusal : undefined;
  return { name: 'blockedRooms', decide, decideByAddress: decide };
}
