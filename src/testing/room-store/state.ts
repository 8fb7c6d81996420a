import { byKey, check, checkSame, tamper } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { newRoomId, newUserId, range } from '../random.ts';
import {
  countEvent,
  createdRoom,
  initialEvent,
  newRoom,
  type RoomStoreHarness,
  roomStoreCase,
  wholeTimeline,
} from './harness.ts';

export const stateCases: readonly ContractCase<RoomStoreHarness>[] = [
  roomStoreCase({
    name: 'appends an event regardless of the current state, and makes it current',
    postcondition: 'putState 1',
    async run({ store }) {
      const { roomId } = await createdRoom(store);
      for (const count of [1, 2, 2, 3]) {
        const event = countEvent(roomId, 'key', count);
        const put = await store.putState(event);
        check(put !== undefined, 'putState resolved undefined for a room that exists');
        const current = (await store.roomState(roomId))?.filter(({ type }) => type === event.type);
        checkSame(current, [{ ...event, event_id: put.eventId }], 'current events of the type');
      }
      checkSame((await wholeTimeline(store, roomId)).length, 6, 'length of the log');
    },
  }),
  roomStoreCase({
    name: 'appends every event that races for one key, and the last one in the log is current',
    postcondition: 'putState 1',
    async run({ store }) {
      const { roomId } = await createdRoom(store);
      const puts = await Promise.all(
        range(50).map((count) => store.putState(countEvent(roomId, 'key', count))),
      );
      checkSame(new Set(puts.map((put) => put?.eventId)).size, 50, 'number of event IDs');
      const log = await wholeTimeline(store, roomId);
      checkSame(log.length, 52, 'length of the log');
      const current = (await store.roomState(roomId))?.find(({ state_key }) => state_key === 'key');
      checkSame(current, log.at(-1), 'current event');
    },
  }),
  roomStoreCase({
    name: 'stores a copy: later changes to the passed event have no effect',
    postcondition: 'putState 1',
    async run({ store }) {
      const { roomId } = await createdRoom(store);
      const event = countEvent(roomId, 'key', 1);
      await store.putState(event);
      event.content.count = 2;
      const current = (await store.roomState(roomId))?.find(({ state_key }) => state_key === 'key');
      checkSame(current?.content, { count: 1 }, 'content');
    },
  }),
  roomStoreCase({
    name: 'stores nothing for an unknown room, and resolves undefined',
    postcondition: 'putState 2',
    async run({ store }) {
      await store.migrate();
      const roomId = newRoomId();
      checkSame(await store.putState(countEvent(roomId, 'key', 1)), undefined, 'result');
      checkSame(await store.roomState(roomId), undefined, 'state of the room');
      checkSame(await store.createRoom(newRoom({ roomId })), 'created', 'createRoom after it');
      checkSame((await store.roomState(roomId))?.length, 2, 'number of current events');
      checkSame((await wholeTimeline(store, roomId)).length, 2, 'length of the log');
    },
  }),
  roomStoreCase({
    name: 'returns all current events, and no others',
    postcondition: 'roomState 1',
    async run({ store }) {
      const { roomId } = await createdRoom(store);
      await createdRoom(store);
      for (const count of range(60)) await store.putState(countEvent(roomId, `${count % 20}`, count));
      const state = await store.roomState(roomId);
      const counts = state?.flatMap(({ content }) =>
        content.count === undefined ? [] : [Number(content.count)],
      );
      checkSame(state?.length, 22, 'number of events');
      checkSame(
        counts?.sort((one, other) => one - other),
        range(20).map((index) => index + 40),
        'counts',
      );
    },
  }),
  roomStoreCase({
    name: 'returns all of 1,200 current events',
    postcondition: 'roomState 1',
    async run({ store }) {
      const marks = range(1_198).map((index) =>
        initialEvent('org.example.mark', `${index}`, '@marker:example.org', { index }),
      );
      const { roomId } = await createdRoom(store, { state: marks });
      checkSame((await store.roomState(roomId))?.length, 1_200, 'number of current events');
      checkSame((await wholeTimeline(store, roomId)).length, 1_200, 'length of the log');
    },
  }),
  roomStoreCase({
    name: 'resolves undefined for the state of an unknown room',
    postcondition: 'roomState 1',
    async run({ store }) {
      const { roomId } = await createdRoom(store);
      for (const unknown of [newRoomId(), roomId.toUpperCase(), `${roomId} `, '__proto__', '']) {
        checkSame(await store.roomState(unknown), undefined, `state of ${JSON.stringify(unknown)}`);
      }
    },
  }),
  roomStoreCase({
    name: 'returns copies: changes to the returned state have no effect',
    postcondition: 'roomState 1',
    async run({ store }) {
      const { roomId } = await createdRoom(store, { creator: newUserId('alice') });
      const before = structuredClone(await store.roomState(roomId));
      for (const event of (await store.roomState(roomId)) ?? []) {
        tamper(() => Object.assign(event.content, { membership: 'ban' }));
        tamper(() => Object.assign(event, { sender: '@mallory:example.org' }));
      }
      checkSame(byKey(await store.roomState(roomId)), byKey(before), 'state in a later read');
    },
  }),
];
