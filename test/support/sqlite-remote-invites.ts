import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { DatabaseSyncInstance } from '@photostructure/sqlite';
import { SqliteStorage } from '../../adapters/storage/sqlite/index.ts';
import {
  type CallContext,
  domainOf,
  MatrixError,
  type NewStateEvent,
  type RemoteInvites,
  type StateSnapshot,
  StorageUnavailableError,
} from '../../src/index.ts';
import { isSameJson } from '../../src/rooms/content.ts';

type Row = { readonly event_id: string; readonly event: string; readonly is_accepted: number };

/** Federation of a host app whose rooms are in SQLite: what it has begun outlives its process. */
export class SqliteRemoteInvites implements RemoteInvites {
  readonly timeoutMs = 120_000;
  readonly storage: SqliteStorage;
  readonly #database: DatabaseSyncInstance;
  readonly #inbox: string;

  /**
   * @param own another connection to the same file: the storage lets its own wait for no lock
   * @param inbox the URL of the other server
   */
  constructor(database: DatabaseSyncInstance, own: DatabaseSyncInstance, inbox: string) {
    this.storage = new SqliteStorage(database);
    this.#database = own;
    this.#inbox = inbox;
    own.exec('PRAGMA busy_timeout = 60000');
    own.exec(`CREATE TABLE IF NOT EXISTS begun (
      call TEXT PRIMARY KEY, event_id TEXT NOT NULL, event TEXT NOT NULL, is_accepted INTEGER NOT NULL DEFAULT 0
    )`);
  }

  stateKeys() {
    return [];
  }

  concerns({ userId }: { readonly userId: string }): boolean {
    return domainOf(userId) !== 'example.org';
  }

  objectionTo(): undefined {
    return undefined;
  }

  async invite(
    event: NewStateEvent,
    basis: StateSnapshot,
    context: CallContext,
  ): ReturnType<RemoteInvites['invite']> {
    context.signal.throwIfAborted();
    const isNew = this.build(event);
    // Another call may have stored the event, and forgotten that it was begun.
    if (isNew && !(await this.isAsShown(basis, context))) {
      this.forget(event);
      return { outcome: 'stale', wasAsked: false };
    }
    const built = this.#database.prepare('SELECT * FROM begun WHERE call = ?').get(callOf(event)) as
      | Row
      | undefined;
    if (built === undefined) return { outcome: 'stale', wasAsked: false };
    if (built.is_accepted === 0) {
      const status = await this.ask(built, context);
      if (status !== 200) {
        this.forget(event);
        const error = new MatrixError(403, 'M_FORBIDDEN', "The user's server refuses the invite");
        return { outcome: 'refused', error, wasAsked: true, remoteStatus: status };
      }
      this.#database.prepare('UPDATE begun SET is_accepted = 1 WHERE call = ?').run(callOf(event));
    }
    const result = await this.append(JSON.parse(built.event), basis, context);
    if (result.outcome === 'appended') this.forget(event);
    return result;
  }

  async abandon(event: NewStateEvent): Promise<void> {
    this.forget(event);
  }

  async *unfinished(): AsyncGenerator<{ event: NewStateEvent }> {
    const rows = this.#database.prepare('SELECT event FROM begun ORDER BY rowid').all() as Row[];
    for (const { event } of rows) yield { event: JSON.parse(event) };
  }

  /** @returns true if the call was not begun before */
  build(event: NewStateEvent): boolean {
    const { changes } = this.#database
      .prepare('INSERT INTO begun (call, event_id, event) VALUES (?, ?, ?) ON CONFLICT DO NOTHING')
      .run(callOf(event), `$${randomUUID()}`, JSON.stringify(event));
    return changes === 1;
  }

  async isAsShown(basis: StateSnapshot, context: CallContext): Promise<boolean> {
    const now = await this.storage.readState(basis.roomId, basis.keys, context);
    const idsOf = ({ events }: Pick<StateSnapshot, 'events'>) =>
      events.map(({ event_id }) => event_id).sort();
    return now !== undefined && isDeepStrictEqual(idsOf(now), idsOf(basis));
  }

  async ask({ event_id, event }: Row, { signal }: CallContext): Promise<number> {
    try {
      const response = await fetch(`${this.#inbox}/${event_id}`, { method: 'PUT', body: event, signal });
      await response.arrayBuffer();
      return response.status;
    } catch (cause) {
      throw new StorageUnavailableError('The other server did not respond', { cause });
    }
  }

  /** The store names the events, so an event that another call has stored is known by its sender and content. */
  async append(
    event: NewStateEvent,
    basis: StateSnapshot,
    context: CallContext,
  ): ReturnType<SqliteStorage['appendEvent']> {
    const result = await this.storage.appendEvent(event, basis, context);
    if (result.outcome !== 'stale') return result;
    const { type, state_key } = event;
    const snapshot = await this.storage.readState(event.room_id, [{ type, state_key }], context);
    const current = snapshot?.events[0];
    const isOurs = current?.sender === event.sender && isSameJson(current.content, event.content);
    const isNew = basis.events.every(({ event_id }) => event_id !== current?.event_id);
    return isOurs && isNew ? { outcome: 'appended', eventId: current.event_id } : result;
  }

  forget(event: NewStateEvent): void {
    this.#database.prepare('DELETE FROM begun WHERE call = ?').run(callOf(event));
  }
}

function callOf({ room_id, sender, state_key, content }: NewStateEvent): string {
  return JSON.stringify([room_id, sender, state_key, content]);
}
