import type { NewRoom, RoomStore } from '../../ports/storage.ts';
import { byKey, check, checkSame } from '../check.ts';
import { deadlineContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import { during } from '../during.ts';
import { newRoomId, newUserId, range, shuffled, wander } from '../random.ts';
import {
  countEvent,
  createdRoom,
  initialEvent,
  newRoom,
  type RoomStoreHarness,
  roomStoreCase,
  wholeTimeline,
} from './harness.ts';

export const createRoomCases: readonly ContractCase<RoomStoreHarness>[] = [
  roomStoreCase({
    name: 'stores the whole initial state unchanged',
    postcondition: 'createRoom 1',
    async run({ store }) {
      const room = newRoom({ state: marks('only') });
      await store.migrate();
      checkSame(await store.createRoom(room), 'created', 'result');
      const state = await store.roomState(room.roomId);
      const seen = state?.map(({ event_id: _, ...event }) => event);
      const expected = room.state.map((event) => ({ ...event, room_id: room.roomId }));
      checkSame(byKey(seen), byKey(expected), 'state');
      checkSame(
        new Set(state?.map(({ event_id }) => event_id)).size,
        room.state.length,
        'number of event IDs',
      );
      checkSame(
        (await wholeTimeline(store, room.roomId))[0]?.type,
        'm.room.create',
        'first event of the log',
      );
    },
  }),
  roomStoreCase({
    name: 'resolves exists for an existing room, and changes nothing',
    postcondition: 'createRoom 1',
    async run({ store }) {
      const { roomId } = await createdRoom(store);
      const before = await wholeTimeline(store, roomId);
      checkSame(await store.createRoom(newRoom({ roomId, state: marks('again') })), 'exists', 'result');
      checkSame(await wholeTimeline(store, roomId), before, 'log of the room');
      checkSame((await store.roomState(roomId))?.length, 2, 'number of current events');
    },
  }),
  roomStoreCase({
    name: 'stores a copy: later changes to the passed state have no effect',
    postcondition: 'createRoom 1',
    async run({ store }) {
      const room = await createdRoom(store);
      const before = structuredClone(await store.roomState(room.roomId));
      for (const event of room.state) event.content.membership = 'ban';
      checkSame(byKey(await store.roomState(room.roomId)), byKey(before), 'state');
    },
  }),
  roomStoreCase({
    name: 'shows a room completely or not at all while it is created',
    postcondition: 'createRoom 1',
    async run({ store }) {
      await store.migrate();
      for (const _ of range(10)) await watchCreation(store);
    },
  }),
  roomStoreCase({
    name: 'creates exactly one of 32 racing rooms with the same ID, with only its own state',
    postcondition: 'createRoom 2',
    async run({ store }) {
      await store.migrate();
      for (const _ of range(3)) await raceCreation(range(32).map(() => store));
    },
  }),
  roomStoreCase({
    name: 'creates a room that another process did not find before',
    postcondition: 'createRoom 1',
    requires: ['secondInstance'],
    async run({ store, secondInstance }) {
      await store.migrate();
      const second = await secondInstance();
      const room = newRoom();
      const { roomId } = room;
      const put = () => second.putState(countEvent(roomId, 'key', 1));
      const read = () => second.readState(roomId, room.state, deadlineContext());
      const seen = [await read(), await second.roomState(roomId), await second.timeline(roomId), await put()];
      checkSame(seen, [undefined, undefined, undefined, undefined], 'results before the room is created');
      checkSame(await store.createRoom(room), 'created', 'result');
      checkSame((await read())?.events.length, 2, 'number of events that another process reads');
      check((await put()) !== undefined, 'putState in another process resolved undefined');
      checkSame((await second.roomState(roomId))?.length, 3, 'number of current events in another process');
      checkSame((await wholeTimeline(second, roomId)).length, 3, 'length of the log in another process');
    },
  }),
  roomStoreCase({
    name: 'creates exactly one room if processes race',
    postcondition: 'createRoom 2',
    requires: ['secondInstance'],
    async run({ store, secondInstance }) {
      await store.migrate();
      const second = await secondInstance();
      for (const _ of range(3)) await raceCreation(range(32).map((racer) => (racer % 2 ? store : second)));
    },
  }),
];

function marks(mark: string): NewRoom['state'] {
  return range(20).map((index) =>
    initialEvent('org.example.mark', `${index}`, '@marker:example.org', { mark }),
  );
}

async function watchCreation(store: RoomStore): Promise<void> {
  const room = newRoom({ state: marks('only') });
  const keys = shuffled(room.state);
  const read = async () => {
    const snapshot = await store.readState(room.roomId, keys, deadlineContext());
    const state = await store.roomState(room.roomId);
    for (const seen of [snapshot?.events, state]) {
      check(
        seen === undefined || seen.length === keys.length,
        `a reader saw ${seen?.length} of the ${keys.length} events of a room`,
      );
    }
  };
  const create = async () => {
    await wander();
    await store.createRoom(room);
  };
  await during(create(), read, 2);
  await read();
}

async function raceCreation(stores: readonly RoomStore[]): Promise<void> {
  const roomId = newRoomId();
  const rooms = stores.map((_, racer) => {
    return newRoom({ roomId, creator: newUserId('racer'), state: marks(`racer ${racer}`) });
  });
  const results = await Promise.all(
    stores.map((store, racer) => store.createRoom(rooms[racer] ?? newRoom({ roomId }))),
  );
  const winners = [...results.keys()].filter((racer) => results[racer] === 'created');
  checkSame(winners.length, 1, 'number of racing calls that created the room');
  const winner = rooms[winners[0] ?? 0];
  for (const store of new Set(stores)) {
    const senders = new Set((await store.roomState(roomId))?.map(({ sender }) => sender));
    senders.delete('@marker:example.org');
    checkSame([...senders], [winner?.creator], 'creators in the state');
    const log = await wholeTimeline(store, roomId);
    const marked = log.filter(({ type }) => type === 'org.example.mark');
    checkSame(
      [...new Set(marked.map(({ content }) => content.mark))],
      [`racer ${winners[0]}`],
      'marks in the log',
    );
    checkSame(log.length, winner?.state.length, 'length of the log');
  }
}
