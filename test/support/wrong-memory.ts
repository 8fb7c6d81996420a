import {
  type JsonObject,
  type StateKey,
  type StateSnapshot,
  type StorageAdapter,
  StorageUnavailableError,
  type StrippedStateEvent,
} from 'express-matrix-invite';
import fc from 'fast-check';

type Wrong = {
  /** What was read before, of all rooms. */
  readonly seen: readonly { readonly roomId: string; readonly event: StrippedStateEvent }[];
  readonly roomId: string;
  readonly keys: readonly StateKey[];
  readonly inviter: string;
  /** A random number. */
  readonly random: number;
};

const isMember = ({ type }: StateKey) => type === 'm.room.member';

/** The contents of a room in which the inviter may invite anybody. */
const OPEN: Readonly<Record<string, JsonObject | undefined>> = {
  'm.room.create': { room_version: '11' },
  'm.room.power_levels': { users_default: 100, invite: 0 },
  inviter: { membership: 'join' },
};

/** Returns the events of an open room with other contents: by type, or of the inviter and the invitee. */
function openRoom(changes: typeof OPEN = {}) {
  const contents = { ...OPEN, ...changes };
  return ({ keys, inviter }: Wrong): StrippedStateEvent[] =>
    keys.flatMap((key) => {
      const role = key.state_key === inviter ? 'inviter' : 'invitee';
      const content = contents[isMember(key) ? role : key.type];
      return content === undefined ? [] : [{ ...key, sender: inviter, content: structuredClone(content) }];
    });
}

/** Returns for each key one of the events that were read under it before, or nothing. */
function seenBefore(isOf: (room: string, current: string) => boolean) {
  return ({ seen, roomId, keys, random }: Wrong): StrippedStateEvent[] =>
    keys.flatMap((key, index) => {
      const events = seen.flatMap(({ roomId: room, event }) =>
        isOf(room, roomId) && event.type === key.type && event.state_key === key.state_key ? [event] : [],
      );
      const event = events[(random >> index) % (events.length + 1)];
      return event === undefined ? [] : [structuredClone(event)];
    });
}

/** What a memory may say, and worse. It may neither throw nor return a promise: those are mistakes, which are logged. */
const WRONG: Readonly<Record<string, (wrong: Wrong) => readonly StrippedStateEvent[]>> = {
  'anybody may be invited': openRoom(),
  'the invite is pending': openRoom({ invitee: { membership: 'invite' } }),
  'the invitee has joined': openRoom({ invitee: { membership: 'join' } }),
  'the invitee is banned': openRoom({ invitee: { membership: 'ban' } }),
  'the inviter has left': openRoom({ inviter: { membership: 'leave' } }),
  'the inviter has no power': openRoom({ 'm.room.power_levels': { users_default: 0, invite: 50 } }),
  'a power level cannot be read': openRoom({ 'm.room.power_levels': { invite: 'fifty' } }),
  'the room version is unknown': openRoom({ 'm.room.create': { room_version: 'none' } }),
  'there is no create event': openRoom({ 'm.room.create': undefined }),
  'there are no events': () => [],
  'a content cannot be read': ({ keys, inviter }) =>
    keys.map((key) => ({
      ...key,
      sender: inviter,
      get content(): JsonObject {
        throw new StorageUnavailableError('not readable', { isNotStored: true });
      },
    })),
  'the state is an older one': seenBefore((room, current) => room === current),
  'the state is that of other rooms': seenBefore((room, current) => room !== current),
};

/**
 * Returns a storage whose memory is wrong each time: at random, but in the same way for the same seed.
 *
 * @param seed an integer
 */
export function withWrongMemory(storage: StorageAdapter, seed: number): StorageAdapter {
  const choices = fc.sample(fc.tuple(fc.constantFrom(...Object.values(WRONG)), fc.nat()), {
    seed,
    numRuns: 100,
  });
  const seen: Wrong['seen'][number][] = [];
  let inviter = '';
  let recalls = 0;
  return {
    async readState(...read) {
      const snapshot = await storage.readState(...read);
      if (Array.isArray(snapshot?.events)) {
        for (const event of snapshot.events) seen.push({ roomId: read[0], event: structuredClone(event) });
      }
      return snapshot;
    },
    appendEvent: (...append) => storage.appendEvent(...append),
    recall(roomId, keys): StateSnapshot {
      const [first] = keys;
      // The service first asks whether the inviter is remembered.
      if (keys.length === 1 && first !== undefined) {
        inviter = first.state_key;
        const events = openRoom()({ seen, roomId, keys, inviter, random: 0 });
        return { roomId, keys, events, revision: undefined };
      }
      const [wrong, random] = choices[recalls % choices.length] ?? [openRoom(), 0];
      recalls += 1;
      const events = wrong({ seen, roomId, keys, inviter, random });
      return { roomId, keys, events, revision: undefined };
    },
  };
}
