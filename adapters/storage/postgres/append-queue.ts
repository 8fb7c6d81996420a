import type { CallContext } from '../../../src/ports/context.ts';
import type { NewStateEvent, StateSnapshot } from '../../../src/ports/storage.ts';
import { deadlineOver, onceLate, throwIfLate } from '../shared/deadline.ts';
import { isOfOneEvent, unavailable } from './failures.ts';
import { type PostgresClient, type PostgresPool, withClient } from './pool.ts';

/** The most events of one commit. */
const MOST_AT_ONCE = 100;

/** An event, and the basis that it stands on. */
export type Append = { readonly event: NewStateEvent; readonly basis: StateSnapshot };

/** Appends events to one room in one commit: the id of each, or `undefined` where its basis was stale. */
export type AppendAll = (
  client: PostgresClient,
  appends: readonly Append[],
) => Promise<readonly (string | undefined)[]>;

type Waiting = Append & {
  resolve(eventId: string | undefined): void;
  reject(error: unknown): void;
};

/**
 * The appends of this process. Those of one room would take turns at its lock in any case, each with a commit and a
 * connection of its own; here they share them: while one statement is under way, what comes for the same room waits,
 * and goes with the next. So a busy room costs a commit for many events, and leaves the pool to the others.
 */
export class AppendQueue {
  readonly #pool: PostgresPool;
  readonly #appendAll: AppendAll;
  /** What waits, for each room that has somebody at work. */
  readonly #rooms = new Map<string, Waiting[]>();

  constructor(pool: PostgresPool, appendAll: AppendAll) {
    this.#pool = pool;
    this.#appendAll = appendAll;
  }

  /**
   * @param context ends the wait for a turn; what was sent is not interrupted
   * @returns the id of the event, or `undefined` when its basis was stale
   * @throws {StorageUnavailableError} (rejects)
   */
  append({ event, basis }: Append, context: CallContext): Promise<string | undefined> {
    const roomId = event.room_id;
    return new Promise((resolve, reject) => {
      throwIfLate(context);
      const giveUp = () => {
        const waiting = this.#rooms.get(roomId) ?? [];
        const index = waiting.indexOf(append);
        if (index === -1) return;
        waiting.splice(index, 1);
        append.reject(deadlineOver(context));
      };
      const append: Waiting = {
        event,
        basis,
        resolve(eventId) {
          stopListening();
          resolve(eventId);
        },
        reject(error) {
          stopListening();
          reject(error);
        },
      };
      const stopListening = onceLate(context, giveUp);
      const waiting = this.#rooms.get(roomId);
      if (waiting === undefined) {
        this.#rooms.set(roomId, [append]);
        void this.#work(roomId);
      } else {
        waiting.push(append);
      }
    });
  }

  async #work(roomId: string): Promise<void> {
    const waiting = this.#rooms.get(roomId) ?? [];
    while (waiting.length > 0) {
      let isConnected = false;
      try {
        await withClient(this.#pool, undefined, (client) => {
          isConnected = true;
          // Who goes along is settled only now.
          return this.#send(client, waiting.splice(0, MOST_AT_ONCE));
        });
      } catch (error) {
        // Those who were sent along have been told.
        if (!isConnected) for (const append of waiting.splice(0)) append.reject(error);
      }
    }
    this.#rooms.delete(roomId);
  }

  /** Settles each; what fails fails for all, unless it is about one of them. */
  async #send(client: PostgresClient, appends: readonly Waiting[]): Promise<void> {
    if (appends.length === 0) return;
    try {
      const eventIds = await this.#appendAll(client, appends);
      for (const [index, append] of appends.entries()) append.resolve(eventIds[index]);
    } catch (error) {
      if (appends.length > 1 && isOfOneEvent(error)) return this.#sendOneByOne(client, appends);
      for (const append of appends) append.reject(unavailable(error));
      throw error;
    }
  }

  /** The last failure tells what became of the connection. */
  async #sendOneByOne(client: PostgresClient, appends: readonly Waiting[]): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    for (const append of appends) {
      try {
        await this.#send(client, [append]);
        failure = undefined;
      } catch (error) {
        failure = { error };
      }
    }
    if (failure !== undefined) throw failure.error;
  }
}
