import { setTimeout as delay } from 'node:timers/promises';
import { isMatrixError, isStorageUnavailable, StorageUnavailableError } from '../../src/errors.ts';
import {
  checkOptions,
  functionOption,
  type OptionCheck,
  type OptionChecks,
} from '../../src/internal/options.ts';
import type { CallContext } from '../../src/ports/context.ts';
import type { AppendResult, StateSnapshot, StorageAdapter } from '../../src/ports/storage.ts';
import type { NewStateEvent, StateKey, StrippedStateEvent } from '../../src/rooms/event.ts';
import { throwIfLate } from './shared/deadline.ts';
import { checkBasis, sameState } from './shared/same-state.ts';
import { copyOfKeys, keysByText } from './shared/state-key.ts';

const MOST_READS = 5;

/** What a host gives to {@link transactionalStorage}. `Tx` is whatever its database calls a transaction. */
export type TransactionalStorageOptions<Tx> = {
  /**
   * Runs `work` in a transaction that no other transaction on the same room overlaps: it takes a lock on the room
   * first (`SELECT … FOR UPDATE` on its row, an advisory lock), or is serialisable.
   *
   * It commits, durably, when `work` resolves, and then resolves with the same value. It rolls back when `work`
   * rejects, and then rejects with the same error. It may run `work` again after a conflict. `work` does not know
   * whether the room exists: a lock on a row that is not there must not fail.
   *
   * The signal may end a wait for a connection or for the lock.
   */
  transact<T>(roomId: string, work: (tx: Tx) => Promise<T>, context: CallContext): Promise<T>;

  /**
   * The current events under the keys, none of which is named twice, as seen inside the transaction, or `undefined`
   * without the room. Keep it independent of the room's size. A host that keeps no events makes them up from its own
   * tables: a create event, a power-levels event made of its roles, member events; always the same content for the
   * same rows. The objects are the caller's from then on.
   */
  readState(
    tx: Tx,
    roomId: string,
    keys: readonly StateKey[],
  ): Promise<readonly StrippedStateEvent[] | undefined>;

  /**
   * Stores the event, and makes it current, inside the transaction. All of `event.content` must come back from
   * `readState`: the service knows its own invite again by sender and content after a lost connection. It throws a
   * `MatrixError` to refuse the event: that error is then the answer to the caller.
   *
   * @returns the event's id; a host that keeps none returns whatever tells its invites apart
   */
  insert(tx: Tx, event: NewStateEvent): Promise<{ eventId: string }>;

  /**
   * Whether an error means that the transaction was rolled back because of another one, such as SQLSTATE 40001 or
   * Prisma's P2034 (default: none does). It must not be true where the commit may have gone through.
   */
  isConflict?(error: unknown): boolean;
};

const required: OptionCheck = { ...functionOption, required: true };

const optionChecks: OptionChecks<TransactionalStorageOptions<unknown>> = {
  transact: required,
  readState: required,
  insert: required,
  isConflict: functionOption,
};

/**
 * Makes a storage adapter from what a host has, and does the comparing for it.
 *
 * The host's own bans, joins, kicks and role changes must go through the same lock as `transact`, or be serialisable
 * too. Otherwise one of them can slip in between the comparison and the commit, and a banned inviter still invites.
 *
 * What becomes of an error in `appendEvent`:
 * - a `MatrixError`: `refused`, with that error;
 * - one that `isConflict` knows: `stale`;
 * - a `StorageUnavailableError` passes as it is;
 * - any other becomes the `cause` of a `StorageUnavailableError`, since from here nobody can tell a lost connection,
 *   after which the event may be stored, from a mistake in the host's functions.
 *
 * In `readState` a `MatrixError` passes as it is, and a conflict is tried again, five times at the most.
 *
 * @throws {TypeError} for an unknown, missing or ill-typed option
 * @see [errors, Options](../../docs/errors.md#options)
 */
export function transactionalStorage<Tx>(options: TransactionalStorageOptions<Tx>): StorageAdapter {
  checkOptions('transactionalStorage', options, optionChecks);
  const isConflict = (error: unknown) => options.isConflict?.(error) ?? false;

  return {
    async readState(roomId, keys, context) {
      for (let reads = 1; ; reads += 1) {
        throwIfLate(context);
        try {
          const events = await options.transact(
            roomId,
            (tx) => currentEvents(options, tx, roomId, keys),
            context,
          );
          return events && { roomId, keys: copyOfKeys(keys), events, revision: undefined };
        } catch (error) {
          if (isMatrixError(error)) throw error;
          if (!isConflict(error) || reads === MOST_READS) throw unavailable(error);
        }
        await delay(Math.random() * 2 ** reads);
      }
    },

    async appendEvent(event, basis, context) {
      checkBasis(event, basis);
      throwIfLate(context);
      let failureOfWork: unknown;
      const work = (tx: Tx) =>
        appendIfSame(options, tx, event, basis, context).catch((error: unknown) => {
          failureOfWork = error;
          throw error;
        });
      try {
        return await options.transact(event.room_id, work, context);
      } catch (error) {
        if (isMatrixError(error)) return { outcome: 'refused', error };
        if (isConflict(error)) return { outcome: 'stale' };
        // By its promise `transact` has rolled back when it passes on the work's own failure.
        throw unavailable(error, error !== undefined && error === failureOfWork);
      }
    },
  };
}

/** Asks for each key once, so that hosts need not think of keys that are named twice. */
function currentEvents<Tx>(
  options: TransactionalStorageOptions<Tx>,
  tx: Tx,
  roomId: string,
  keys: readonly StateKey[],
): Promise<readonly StrippedStateEvent[] | undefined> {
  return options.readState(tx, roomId, [...keysByText(keys).values()]);
}

async function appendIfSame<Tx>(
  options: TransactionalStorageOptions<Tx>,
  tx: Tx,
  event: NewStateEvent,
  basis: StateSnapshot,
  context: CallContext,
): Promise<AppendResult> {
  const current = await currentEvents(options, tx, event.room_id, basis.keys);
  if (current === undefined || !sameState(basis, current)) return { outcome: 'stale' };
  // The wait for the lock may have been a long one, and nothing is written yet.
  throwIfLate(context);
  const { eventId } = await options.insert(tx, event);
  return { outcome: 'appended', eventId };
}

function unavailable(error: unknown, isNotStored = false): StorageUnavailableError {
  if (isStorageUnavailable(error)) return error;
  return new StorageUnavailableError("The host's transaction failed", { cause: error, isNotStored });
}
