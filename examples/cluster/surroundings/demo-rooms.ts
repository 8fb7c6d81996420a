import { isStorageUnavailable, type JsonObject, type NewRoom } from 'express-matrix-invite';
import { userIdOf } from '../app/auth.ts';
import { CannotStart } from '../app/config.ts';
import { createLogger } from '../app/log.ts';
import { createStorage, openPool } from '../app/stores.ts';

/** In each room every member may invite. */
export const LOBBY = '!lobby:localhost';
export const GARDEN = '!garden:localhost';
export const STUDIO = '!studio:localhost';

const ROOMS: readonly NewRoom[] = [
  newRoom(LOBBY, 'alice'),
  newRoom(GARDEN, 'alice', 'dave'),
  newRoom(STUDIO, 'carol'),
];

/**
 * Creates the tables and rooms that do not exist yet. Run it once, before any worker starts.
 *
 * @throws {CannotStart} if the database rejects them
 */
export async function prepareRooms(databaseUrl: string): Promise<void> {
  const pool = openPool(databaseUrl, createLogger('primary'));
  const storage = createStorage(pool);
  try {
    await storage.migrate();
    for (const room of ROOMS) await storage.createRoom(room);
  } catch (error) {
    if (!isStorageUnavailable(error)) throw error;
    const { message = '' } = (error.cause ?? {}) as Partial<Error>;
    throw new CannotStart(`Cannot create the rooms in PostgreSQL: ${message}`);
  } finally {
    await pool.end();
  }
}

/** A room's initial state. Without a power levels event, the creator has power 100, and inviting requires 0. */
function newRoom(roomId: string, creator: string, ...others: string[]): NewRoom {
  const event = (type: string, state_key: string, sender: string, content: JsonObject) => ({
    type,
    state_key,
    sender,
    origin_server_ts: Date.now(),
    content,
  });
  const members = [creator, ...others].map(userIdOf);
  return {
    roomId,
    state: [
      event('m.room.create', '', userIdOf(creator), { room_version: '11' }),
      ...members.map((userId) => event('m.room.member', userId, userId, { membership: 'join' })),
    ],
  };
}
