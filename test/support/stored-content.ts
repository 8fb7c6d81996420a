import { describe, expect, it } from 'vitest';
import type { RoomStore } from '../../src/ports/storage.ts';
import type { JsonObject, StateKey } from '../../src/rooms/event.ts';
import {
  ALICE,
  basisFor,
  CREATE,
  inTime,
  invite,
  inviteOf,
  member,
  NAME,
  newRoom,
  stateEvent,
} from './storage-room.ts';
import { expectToFailAlone, UNREADABLE } from './unreadable-content.ts';

/** Returns a string of 255 bytes of UTF-8, made of these characters in an order that does not compress. */
function longIdOf(characters: readonly string[], seed: number): string {
  let text = '';
  let random = seed;
  for (;;) {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
    const next = text + characters[(random >>> 16) % characters.length];
    if (Buffer.byteLength(next) > 255) return text.padEnd(text.length + 255 - Buffer.byteLength(text), '.');
    text = next;
  }
}

const between = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => String.fromCodePoint(first + index));

function longReason(length: number): string {
  let random = 7;
  return Array.from({ length }, () => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
    return String.fromCharCode((random >>> 16) % 32);
  }).join('');
}

/**
 * Tests that a database stores IDs and contents exactly.
 *
 * @param overwrite changes the stored content of an event behind the store's back
 */
export function testStoredContent(
  storage: () => RoomStore,
  overwrite: (roomId: string, key: StateKey, content: string) => Promise<void>,
): void {
  describe('IDs', () => {
    it.each<[string, readonly string[]]>([
      ['every ASCII character', between(0, 0x7f)],
      ['control characters', between(0, 0x1f)],
      ['only NUL', ['\0']],
      ['NUL and backslashes', ['\0', '\\']],
      ['only backslashes', ['\\']],
      ['backslashes, quotes and braces', ['\\', '"', '{', '}', ',', "'"]],
      ['four-byte characters', between(0x1f600, 0x1f64f)],
      ['lone surrogates', between(0xd800, 0xd83f)],
      ['look-alikes of escapes', ['\\u0000', '\\0', '\\\\', '\\ud800', '0', 'u']],
    ])('may all have 255 bytes at once: %s', async (_, characters) => {
      const [roomId, sender, type, stateKey] = [1, 2, 3, 4].map((seed) => longIdOf(characters, seed));
      if (!roomId || !sender || !type || !stateKey) throw new Error('unreachable');
      const key = { type, state_key: stateKey };
      const create = stateEvent(roomId, CREATE, { room_version: '11' }, sender);
      expect(await storage().createRoom({ roomId, state: [create] })).toBe('created');
      expect(await storage().createRoom({ roomId, state: [create] })).toBe('exists');

      const event = stateEvent(roomId, key, { said: stateKey }, sender);
      const basis = await storage().readState(roomId, [CREATE, key], inTime());
      if (basis === undefined) throw new Error('no room');
      expect(basis.events).toMatchObject([{ ...CREATE, sender }]);
      const appended = await storage().appendEvent(event, basis, inTime());
      expect(appended).toMatchObject({ outcome: 'appended' });
      expect(await storage().appendEvent(event, basis, inTime())).toEqual({ outcome: 'stale' });

      const stored = { ...event, event_id: appended.outcome === 'appended' && appended.eventId };
      expect((await storage().readState(roomId, [key], inTime()))?.events).toMatchObject([
        { ...key, sender, content: event.content, event_id: stored.event_id },
      ]);
      expect((await storage().timeline(roomId))?.events.at(-1)).toEqual(stored);
      expect(await storage().roomState(roomId)).toContainEqual(stored);
    });

    it('stay different if they differ only in how NUL, a backslash or a surrogate is written', async () => {
      const names = [
        '\0',
        '\\0',
        '\\\\0',
        '\\u0000',
        '\ud800',
        '\\ud800',
        '\udc00',
        '\ufffd',
        '\u{10000}',
        '',
      ];
      const { roomId, state } = newRoom();
      await storage().createRoom({ roomId, state });
      for (const name of names)
        expect(await invite(storage(), roomId, name)).toMatchObject({ outcome: 'appended' });
      const keys = names.map(member);
      const events = (await storage().readState(roomId, keys, inTime()))?.events ?? [];
      expect(new Set(events.map(({ state_key }) => state_key))).toEqual(new Set(names));
      expect(new Set(events.map(({ event_id }) => event_id)).size).toBe(names.length);
    });

    it('compare by bytes, not by collation', async () => {
      const { roomId, state } = newRoom();
      await storage().createRoom({ roomId, state });
      const keys: StateKey[] = ['e\u0301', '\u00e9', 'a', 'A', 'ß', 'ss'].map(member);
      for (const key of keys) await storage().putState(stateEvent(roomId, key, { of: key.state_key }));
      for (const key of keys) {
        const snapshot = await storage().readState(roomId, [key], inTime());
        expect(snapshot?.events).toMatchObject([{ content: { of: key.state_key } }]);
      }
    });
  });

  describe('contents', () => {
    it.each<[string, JsonObject]>([
      ['NUL, also in a key', { reason: 'a\0b', '\0': ['\0'] }],
      ['lone surrogates', { reason: '\ud800x\udc00' }],
      ['look-alikes of escapes', { reason: '\\u0000 \\0 \\\\' }],
      ['integers up to 2^53 - 1', { most: 2 ** 53 - 1, least: -(2 ** 53) + 1, none: 0 }],
      ['keys that every object inherits', JSON.parse('{"__proto__": {"a": 1}, "constructor": null}')],
      ['64 KiB', { reason: 'x'.repeat(65_000) }],
      ['64 KiB that do not compress, written as escapes', { reason: longReason(10_900) }],
    ])('come back exactly: %s', async (_, content) => {
      const { roomId, state } = newRoom();
      await storage().createRoom({ roomId, state });
      const event = { ...inviteOf(roomId, '@bob:example.org'), content };
      const basis = await basisFor(storage(), roomId, '@bob:example.org');
      expect(await storage().appendEvent(event, basis, inTime())).toMatchObject({ outcome: 'appended' });
      const [read] =
        (await storage().readState(roomId, [member('@bob:example.org')], inTime()))?.events ?? [];
      expect(JSON.stringify(read?.content)).toBe(JSON.stringify(content));
      expect((await storage().timeline(roomId))?.events.at(-1)).toMatchObject(event);
    });

    it('may have an origin_server_ts of 2^53 - 1', async () => {
      const { roomId, state } = newRoom();
      await storage().createRoom({ roomId, state });
      const origin_server_ts = 2 ** 53 - 1;
      await storage().putState({ ...stateEvent(roomId, NAME, {}), origin_server_ts });
      expect((await storage().timeline(roomId))?.events.at(-1)?.origin_server_ts).toBe(origin_server_ts);
    });
  });

  describe('event IDs', () => {
    it.each(['1', '2'])('have the domain of the sender in room version %s', async (version) => {
      const { roomId, state } = newRoom(version);
      await storage().createRoom({ roomId, state });
      await invite(storage(), roomId, '@bob:example.org');
      await storage().putState(stateEvent(roomId, NAME, {}, '@carol:matrix.org:8448'));
      const ids = (await storage().timeline(roomId))?.events.map(({ event_id }) => event_id) ?? [];
      expect(ids).toHaveLength(4);
      for (const id of ids.slice(0, 3)) expect(id).toMatch(/^\$[\w-]{43}:example\.org$/);
      expect(ids[3]).toMatch(/^\$[\w-]{43}:matrix\.org:8448$/);
      expect(new Set(ids).size).toBe(4);
      // Every method returns the same ID.
      const current = await storage().readState(roomId, [NAME, member(ALICE)], inTime());
      expect(current?.events.map(({ event_id }) => event_id).sort()).toEqual([ids[1], ids[3]].sort());
    });

    it.each(['3', '11', 'unheard-of'])('have no domain in room version %s', async (version) => {
      const { roomId, state } = newRoom(version);
      await storage().createRoom({ roomId, state });
      await storage().putState(stateEvent(roomId, NAME, {}));
      for (const { event_id } of (await storage().timeline(roomId))?.events ?? []) {
        expect(event_id).toMatch(/^\$[\w-]{43}$/);
      }
    });
  });

  describe('a content', () => {
    it.each(Object.entries(UNREADABLE))('%s fails only the invites that depend on it', async (_, content) => {
      const { roomId } = newRoom();
      await expectToFailAlone(storage(), roomId, overwrite, content);
    });
  });
}
