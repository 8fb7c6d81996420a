import type { RoomStore } from '../../ports/storage.ts';
import { checkSame, tamper } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { during } from '../during.ts';
import { newRoomId, range, wander } from '../random.ts';
import {
  checkUnseen,
  countEvent,
  createdRoom,
  type RoomStoreHarness,
  roomStoreCase,
  wholeTimeline,
} from './harness.ts';

export const timelineCases: readonly ContractCase<RoomStoreHarness>[] = [
  roomStoreCase({
    name: 'is in commit order, whatever the timestamps are',
    postcondition: 'timeline 1',
    async run({ store }) {
      const { roomId } = await createdRoom(store);
      const clock = [5_000, 1_000, 9_000, 0, 9_000, 2_000];
      for (const [count, origin_server_ts] of clock.entries()) {
        await store.putState({ ...countEvent(roomId, 'key', count), origin_server_ts });
      }
      const log = await wholeTimeline(store, roomId);
      checkSame(counts(log), range(clock.length), 'counts in the order of the log');
    },
  }),
  roomStoreCase({
    name: 'returns the same log in pages of any size',
    postcondition: 'timeline 1',
    async run({ store }) {
      const { roomId } = await createdRoom(store);
      await createdRoom(store);
      for (const count of range(20)) await store.putState(countEvent(roomId, `${count % 3}`, count));
      const whole = await wholeTimeline(store, roomId, 1_000);
      checkSame(whole.length, 22, 'length of the log');
      for (const limit of [1, 7, 11, 22, 23]) {
        checkSame(await wholeTimeline(store, roomId, limit), whole, `log in pages of ${limit}`);
        const page = await store.timeline(roomId, { limit });
        checkSame(page?.events.length, Math.min(limit, 22), `length of the first page of ${limit}`);
      }
    },
  }),
  roomStoreCase({
    name: 'returns 100 events by default',
    postcondition: 'timeline 1',
    async run({ store }) {
      const { roomId } = await createdRoom(store);
      for (const count of range(120)) await store.putState(countEvent(roomId, 'key', count));
      const first = await store.timeline(roomId);
      checkSame(first?.events.length, 100, 'length of the first page');
      const second = await store.timeline(roomId, { after: first?.next });
      checkSame(second?.events.length, 22, 'length of the second page');
    },
  }),
  roomStoreCase({
    name: 'continues from its end: an empty page, then new events',
    postcondition: 'timeline 1',
    async run({ store }) {
      const { roomId } = await createdRoom(store);
      let after = (await store.timeline(roomId))?.next;
      const beyond = await store.timeline(roomId, { after: (after ?? 0) + 1_000_000 });
      checkSame(beyond?.events, [], 'events beyond the end');
      for (const count of range(3)) {
        const empty = await store.timeline(roomId, { after });
        checkSame(empty?.events, [], 'events at the end');
        await store.putState(countEvent(roomId, 'key', count));
        const page = await store.timeline(roomId, { after: empty?.next });
        checkSame(counts(page?.events), [count], 'counts of the new events');
        after = page?.next;
      }
    },
  }),
  roomStoreCase({
    name: 'returns the content that each event had, not the current one',
    postcondition: 'timeline 1',
    async run({ store }) {
      const { roomId } = await createdRoom(store);
      const texts = ['first', 'second', 'third'];
      for (const [count, text] of texts.entries()) {
        const event = countEvent(roomId, 'key', count);
        await store.putState({ ...event, sender: `@${text}:example.org`, content: { count, [text]: true } });
      }
      const log = (await wholeTimeline(store, roomId)).slice(2);
      checkSame(
        log.map(({ sender, content }) => [sender, content]),
        texts.map((text, count) => [`@${text}:example.org`, { count, [text]: true }]),
        'senders and contents in the log',
      );
    },
  }),
  roomStoreCase({
    name: 'shows a reader each of 200 concurrent events once, in one order',
    postcondition: 'timeline 1',
    async run({ store }) {
      await followWriters(store, [store]);
    },
  }),
  roomStoreCase({
    name: 'shows a reader each event of two concurrent processes once, in one order',
    postcondition: 'timeline 1',
    requires: ['secondInstance'],
    async run({ store, secondInstance }) {
      await followWriters(store, [store, await secondInstance()]);
    },
  }),
  roomStoreCase({
    name: 'returns copies: changes to a returned page have no effect',
    postcondition: 'timeline 1',
    async run({ store }) {
      const { roomId } = await createdRoom(store);
      const before = structuredClone(await store.timeline(roomId));
      const page = await store.timeline(roomId);
      for (const event of page?.events ?? [])
        tamper(() => Object.assign(event.content, { membership: 'ban' }));
      tamper(() => page?.events.splice(0));
      checkSame(await store.timeline(roomId), before, 'page in a later read');
    },
  }),
  roomStoreCase({
    name: 'resolves undefined for the log of an unknown room',
    postcondition: 'timeline 2',
    async run({ store }) {
      const { roomId } = await createdRoom(store);
      for (const unknown of [newRoomId(), roomId.toUpperCase(), '__proto__', '']) {
        checkSame(await store.timeline(unknown), undefined, `log of ${JSON.stringify(unknown)}`);
        checkSame(await store.timeline(unknown, { after: 1, limit: 1 }), undefined, 'later page of it');
      }
    },
  }),
];

function counts(events: readonly { content: { [key: string]: unknown } }[] = []): unknown[] {
  return events.map(({ content }) => content.count).filter((count) => count !== undefined);
}

async function followWriters(store: RoomStore, writers: readonly RoomStore[]): Promise<void> {
  const { roomId } = await createdRoom(store);
  const seen = new Set<string>();
  let after: number | undefined;
  const readOn = async () => {
    const page = await store.timeline(roomId, { after, limit: 7 });
    checkUnseen(seen, page?.events ?? []);
    after = page?.next;
    return page?.events.length ?? 0;
  };
  const write = async (count: number) => {
    await wander(8);
    await writers[count % writers.length]?.putState(countEvent(roomId, `${count % 90}`, count));
  };
  await during(Promise.all(range(200).map(write)), readOn);
  while ((await readOn()) > 0);
  const log = await wholeTimeline(store, roomId, 1_000);
  checkSame(log.length, 202, 'length of the log');
  checkSame(
    [...seen],
    log.map(({ event_id }) => event_id),
    'event IDs that the reader saw',
  );
}
