import { byKey, checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { range } from '../random.ts';
import { countEvent, createdRoom, newRoom, type RoomStoreHarness, roomStoreCase } from './harness.ts';

export const migrateCases: readonly ContractCase<RoomStoreHarness>[] = [
  roomStoreCase({
    name: 'runs many times at once on a new database',
    postcondition: 'migrate 1',
    async run({ store }) {
      await Promise.all(range(8).map(() => store.migrate()));
      checkSame(await store.createRoom(newRoom()), 'created', 'createRoom after it');
    },
  }),
  roomStoreCase({
    name: 'runs in several processes at once on a new database',
    postcondition: 'migrate 1',
    requires: ['secondInstance'],
    async run({ store, secondInstance }) {
      const stores = [store, await secondInstance(), await secondInstance()];
      await Promise.all([...stores, ...stores].map((each) => each.migrate()));
      for (const each of stores)
        checkSame(await each.createRoom(newRoom()), 'created', 'createRoom after it');
    },
  }),
  roomStoreCase({
    name: 'keeps stored data, and does not disturb concurrent writers',
    postcondition: 'migrate 1',
    async run({ store }) {
      const { roomId } = await createdRoom(store);
      const before = await store.roomState(roomId);
      await store.migrate();
      checkSame(byKey(await store.roomState(roomId)), byKey(before), 'state of the room');
      const writes = range(10).map((count) => store.putState(countEvent(roomId, `${count}`, count)));
      await Promise.all([...writes, store.migrate(), store.migrate()]);
      checkSame((await store.roomState(roomId))?.length, 12, 'number of current events');
    },
  }),
];
