import {
  booleanOption,
  functionOption,
  type OptionCheck,
  type OptionChecks,
} from '../../../src/internal/options.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { NewStateEvent, StateKey, StrippedStateEvent } from '../../../src/rooms/event.ts';

/** Options for `transactionalStorage`. `Tx` is the host app's type of a transaction. */
export type TransactionalStorageOptions<Tx> = {
  /**
   * Runs `work` in a transaction that overlaps no other transaction on the same room: the transaction first takes a
   * lock on the room (`SELECT … FOR UPDATE` on its row, or an advisory lock), or it is serializable.
   *
   * When `work` resolves, commits durably and then resolves to the same value. When `work` rejects, rolls back and then
   * rejects with the same error. May run `work` again after a conflict, in another transaction and once the first run is
   * over; it then resolves to the value of the last run. The room may not exist: locking a missing row must not fail.
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
   * @returns the event's ID; a host app without event IDs returns nothing
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: an async function without event IDs returns nothing.
  insert(tx: Tx, event: NewStateEvent): Promise<{ readonly eventId: string } | undefined | void>;

  /**
   * Returns true if an error means that the transaction was rolled back because of another transaction, such as
   * SQLSTATE 40001 (default: never). Must return false if the commit may have succeeded, and must not be `async`.
   */
  readonly isConflict?: ((error: unknown) => boolean) | undefined;

  /**
   * Whether the adapter has `recall`: it remembers the state of rooms after an invite, so that most invites need a single
   * transaction instead of two (default: false). What it remembers may be out of date, but every invite compares it with
   * what `readState` returns in its transaction.
   */
  readonly remember?: boolean | undefined;
};

const required: OptionCheck = { ...functionOption, required: true };

export const optionChecks: OptionChecks<TransactionalStorageOptions<unknown>> = {
  transact: required,
  readState: required,
  insert: required,
  isConflict: functionOption,
  remember: booleanOption,
};
