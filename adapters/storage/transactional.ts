import { setTimeout as delay } from 'node:timers/promises';
import { isMatrixError, isStorageUnavailable, StorageUnavailableError } from '../../src/errors.ts';
import {
  checkOptions,
  functionOption,
  type OptionCheck,
  type OptionChecks,
} from '../../src/internal/options.ts';
import type { CallContext } from '../../src/ports/context.ts';
import type { AppendResult, StorageAdapter } from '../../src/ports/storage.ts';
import type { NewStateEvent, StateKey, StrippedStateEvent } from '../../src/rooms/event.ts';
import { throwIfAborted } from './shared/aborted.ts';
import { checkBasis, sameState } from './shared/same-state.ts';
import { copyOfKeys, uniqueKeys } from './shared/state-key.ts';

const MAX_READ_ATTEMPTS = 5;

/** Options for {@link transactionalStorage}. `Tx` is the host app's type of a transaction. */
export type TransactionalStorageOptions<Tx> = {
  /**
   * Runs `work` in a transaction that overlaps no other transaction on the same room: the transaction first takes a
   * lock on the room (`SELECT … FOR UPDATE` on its row, or an advisory lock), or it is serializable.
   *
   * When `work` resolves, commits durably and then resolves to the same value. When `work` rejects, rolls back and then
   * rejects with the same error. May run `work` again after a conflict. The room may not exist: locking a missing row
   * must not fail.
   *
   * The context's signal may end the wait for a connection or for the lock.
   */
  transact<T>(roomId: string, work: (tx: Tx) => Promise<T>, context: CallContext): Promise<T>;

  /**
   * Reads the current events under the keys inside the transaction. Resolves to `undefined` for an unknown room. No key
   * is passed twice. The cost should not depend on the size of the room.
   *
   * A host app that stores no events derives them from its own tables: a create event, a power levels event from its
   * roles, and member events, always with the same content for the same rows. The caller may keep and change the
   * returned objects.
   */
  readState(
    tx: Tx,
    roomId: string,
    keys: readonly StateKey[],
  ): Promise<readonly StrippedStateEvent[] | undefined>;

  /**
   * Stores the event inside the transaction and makes it current. `readState` must return all of `event.content`: after
   * a lost connection, the service recognizes its own invite by sender and content. To refuse the event, throws a
   * `MatrixError`, which becomes the response.
   *
   * @returns the event's ID; a host app without event IDs returns any string that is unique among its invites
   */
  insert(tx: Tx, event: NewStateEvent): Promise<{ eventId: string }>;

  /**
   * Returns true if an error means that the transaction was rolled back because of another one, such as SQLSTATE 40001
   * or Prisma's P2034 (default: never). Must return false if the commit may have succeeded.
   */
  readonly isConflict?: ((error: unknown) => boolean) | undefined;
};

const required: OptionCheck = { ...functionOption, required: true };

const optionChecks: OptionChecks<TransactionalStorageOptions<unknown>> = {
  transact: required,
  readState: required,
  insert: required,
  isConflict: functionOption,
};

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
 * - Any other error becomes the `cause` of a `StorageUnavailableError`, because a lost connection, after which the event
 *   may be stored, cannot be told apart from a bug in the host app's functions.
 *
 * In `readState`, a `MatrixError` is passed on unchanged, and after a conflict the read is repeated, up to five reads in
 * all.
 *
 * @throws {TypeError} for an unknown, missing or ill-typed option
 * @see [errors, Options](../../docs/errors.md#options)
 */
export function transactionalStorage<Tx>(options: TransactionalStorageOptions<Tx>): StorageAdapter {
  checkOptions('transactionalStorage', options, optionChecks);
  const isConflict = (error: unknown) => options.isConflict?.(error) ?? false;

  /** Reads each key once, so that host apps need not handle keys that are passed twice. */
  const currentEvents = (tx: Tx, roomId: string, keys: readonly StateKey[]) =>
    options.readState(tx, roomId, [...uniqueKeys(keys)]);

  return {
    async readState(roomId, keys, context) {
      for (let attempt = 1; ; attempt += 1) {
        throwIfAborted(context);
        try {
          const events = await options.transact(roomId, (tx) => currentEvents(tx, roomId, keys), context);
          return events && { roomId, keys: copyOfKeys(keys), events, revision: undefined };
        } catch (error) {
          if (isMatrixError(error)) throw error;
          if (!isConflict(error) || attempt === MAX_READ_ATTEMPTS) throw hostFailure(error);
        }
        await delay(Math.random() * 2 ** attempt);
      }
    },

    async appendEvent(event, basis, context) {
      checkBasis(event, basis);
      throwIfAborted(context);
      const appendIfSame = async (tx: Tx): Promise<AppendResult> => {
        const current = await currentEvents(tx, event.room_id, basis.keys);
        if (current === undefined || !sameState(basis, current)) return { outcome: 'stale' };
        // The wait for the lock may have been long, and nothing is written yet.
        throwIfAborted(context);
        const { eventId } = await options.insert(tx, event);
        return { outcome: 'appended', eventId };
      };
      let workError: unknown;
      const work = (tx: Tx) =>
        appendIfSame(tx).catch((error: unknown) => {
          workError = error;
          throw error;
        });
      try {
        return await options.transact(event.room_id, work, context);
      } catch (error) {
        if (isMatrixError(error)) return { outcome: 'refused', error };
        if (isConflict(error)) return { outcome: 'stale' };
        // If `transact` passes on the error of `work`, it has rolled back, as it promises.
        throw hostFailure(error, error !== undefined && error === workError);
      }
    },
  };
}

function hostFailure(error: unknown, isNotStored = false): StorageUnavailableError {
  if (isStorageUnavailable(error)) return error;
  return new StorageUnavailableError("The host app's transaction failed", { cause: error, isNotStored });
}
