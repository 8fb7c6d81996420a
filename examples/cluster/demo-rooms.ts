import { isStorageUnavailable } from 'express-matrix-invite';
import { createMissingRooms } from '../quickstart/rooms.ts';
import { CannotStart } from './cannot-start.ts';
import { loggerOf } from './log.ts';
import { openPool, storageOn } from './stores.ts';

/**
 * Makes tables and rooms, where they are not there yet: once, before anybody serves them.
 *
 * @throws {CannotStart} when the database does not take them
 */
export async function prepareRooms(databaseUrl: string): Promise<void> {
  const pool = openPool(databaseUrl, loggerOf('primary'));
  const storage = storageOn(pool);
  try {
    await storage.migrate();
    await createMissingRooms(storage);
  } catch (error) {
    if (!isStorageUnavailable(error)) throw error;
    const { message = '' } = (error.cause ?? {}) as Partial<Error>;
    throw new CannotStart(`The rooms cannot be made in PostgreSQL: ${message}`);
  } finally {
    await pool.end();
  }
}
