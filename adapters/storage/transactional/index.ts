import { setTimeout as delay } from 'node:timers/promises';
import { isMatrixError, StorageUnavailableError } from '../../../src/errors.ts';
import { checkOptions } from '../../../src/internal/options.ts';
import type { AppendResult, StorageAdapter } from '../../../src/ports/storage.ts';
import type { StateKey, StrippedStateEvent } from '../../../src/rooms/event.ts';
import { throwIfAborted } from '../shared/aborted.ts';
import { checkBasis, eventUnder, isSameEvent, sameState } from '../shared/same-state.ts';
import { copyOfKeys, uniqueKeys } from '../shared/state-key.ts';
import { Memory } from './memory.ts';
import { optionChecks, type TransactionalStorageOptions } from './options.ts';
import { checkedEventId, checkedEvents } from './results.ts';
import { Transaction } from './transaction.ts';

export type { TransactionalStorageOptions } from './options.ts';

const MAX_READ_ATTEMPTS = 5;

/**
 * Returns a storage adapter that works on the host app's own tables. It compares the basis of an append with the current
 * state, so that the host app only reads and inserts.
 *
 * The host app's own bans, joins, kicks and role changes must take the same lock as `transact`, or be serializable too.
 * Otherwise one of them can slip in between the comparison and the commit, and a banned inviter still invites.
 *
 * Errors in `appendEvent`:
 * - A `MatrixError` resolves to `refused`, with that error.
 * - An error for which `isConflict` returns true resolves to `stale`.
 * - A `StorageUnavailableError` is passed on unchanged.
 * - Any other error becomes the `cause` of a `StorageUnavailableError`. The event may be stored, as after a lost
 *   connection, unless the error came from `readState` or `insert`: then `transact` has rolled back. The response is a
 *   503, but a 500 if the cause is a mistake in the host app's functions, such as a TypeError.
 *
 * In `readState`, a `MatrixError` is passed on unchanged, and after a conflict the read is repeated, up to five reads in
 * all.
 *
 * What the functions return is checked at run time: a TypeError names what was expected.
 *
 * @throws {TypeError} for an unknown, missing or ill-typed option
 * @see [errors, transactionalStorage](../../../docs/errors.md#transactionalstorage)
 */
export function transactionalStorage<Tx>(options: TransactionalStorageOptions<Tx>): StorageAdapter {
  const functions = checkOptions<TransactionalStorageOptions<Tx>>(
    'transactionalStorage',
    options,
    optionChecks,
  );

  const memory = functions.remember ? new Memory() : undefined;

  /** Reads each key once, so that host apps need not handle keys that are passed twice. */
  const currentEvents = async (tx: Tx, roomId: string, keys: readonly StateKey[]) =>
    checkedEvents(await functions.readState(tx, roomId, [...uniqueKeys(keys)]));

  return {
    ...(memory && { recall: (roomId, keys) => memory.recall(roomId, keys) }),

    async readState(roomId, keys, context) {
      for (let attempt = 1; ; attempt += 1) {
        throwIfAborted(context);
        const transaction = new Transaction(functions);
        try {
          const read = async (tx: Tx) => ({ events: await currentEvents(tx, roomId, keys) });
          const { events } = await transaction.run(roomId, read, context);
          return events && { roomId, keys: copyOfKeys(keys), events, revision: undefined };
        } catch (error) {
          if (isMatrixError(error)) throw error;
          if (!transaction.isConflict(error) || attempt === MAX_READ_ATTEMPTS)
            throw transaction.failure(error);
        }
        await delay(Math.random() * 2 ** attempt);
      }
    },

    async appendEvent(event, basis, context) {
      checkBasis(event, basis);
      throwIfAborted(context);
      const transaction = new Transaction(functions);
      /** Whether a later run found the event of an earlier one, which was not rolled back, or an equal event. */
      let isFound = false;
      /** What the last run has read. */
      let current: readonly StrippedStateEvent[] | undefined;
      const appendIfSame = async (tx: Tx): Promise<AppendResult> => {
        current = await currentEvents(tx, event.room_id, basis.keys);
        if (current === undefined || !sameState(basis, current)) {
          isFound =
            transaction.hasInserted &&
            current !== undefined &&
            isSameEvent(eventUnder(current, event), event);
          return { outcome: 'stale' };
        }
        // The wait for the lock may have been long, and nothing is written yet.
        throwIfAborted(context);
        transaction.beforeInsert();
        return { outcome: 'appended', eventId: checkedEventId(await functions.insert(tx, event)) };
      };
      let result: AppendResult;
      try {
        result = await transaction.run(event.room_id, appendIfSame, context);
      } catch (error) {
        if (isMatrixError(error)) return { outcome: 'refused', error };
        if (transaction.isConflict(error)) return { outcome: 'stale' };
        throw transaction.failure(error);
      }
      if (result.outcome === 'appended') memory?.appended(basis, { event, ...result }, current ?? []);
      else memory?.forget(event.room_id);
      if (result.outcome === 'stale' && isFound) {
        throw new StorageUnavailableError(
          'A later run of work found an event like the one of an earlier run',
        );
      }
      return result;
    },
  };
}
