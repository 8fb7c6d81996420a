import { describe, expect, it } from 'vitest';
import { checkBasis, sameState } from '../../../adapters/storage/shared/same-state.ts';
import type { StateSnapshot } from '../../../src/ports/storage.ts';
import type { JsonObject, StrippedStateEvent } from '../../../src/rooms/event.ts';
import { ALICE, inviteOf, member } from '../../support/storage-room.ts';

const BOB = '@bob:example.org';

function event(content: JsonObject, rest: Partial<StrippedStateEvent> = {}): StrippedStateEvent {
  return { ...member(BOB), sender: ALICE, content, ...rest };
}

function basisOf(...events: StrippedStateEvent[]): StateSnapshot {
  return { roomId: '!a:example.org', keys: [member(ALICE), member(BOB)], events, revision: undefined };
}

describe('the state of a basis', () => {
  const joined = event({ membership: 'join' }, { event_id: '$1' });

  it.each([
    ['absent and still absent', [], [], true],
    ['absent, then present', [], [joined], false],
    ['present, then absent', [joined], [], false],
    ['the same ID', [joined], [joined], true],
    ['the same content under another ID', [joined], [{ ...joined, event_id: '$2' }], false],
    ['the same ID with other content', [joined], [event({}, { event_id: '$1' })], true],
    ['the same content, one without an ID', [joined], [event({ membership: 'join' })], true],
    ['other content, one without an ID', [joined], [event({ membership: 'ban' })], false],
    ['another sender, without IDs', [event({})], [event({}, { sender: BOB })], false],
    ['an event under another key beside it', [joined], [joined, event({}, { state_key: '@c:d' })], true],
    ['the same state key under another type', [joined], [{ ...joined, type: 'm.room.name' }], false],
    ['a state key in another case', [], [event({}, { state_key: '@Bob:example.org' })], true],
  ] as const)('%s', (_, before, now, same) => {
    expect(sameState(basisOf(...before), now)).toBe(same);
  });
});

describe('contents without event IDs', () => {
  const proto = (text: string): JsonObject => JSON.parse(text);

  it.each<[string, JsonObject, JsonObject, boolean]>([
    ['the order of keys', { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }, true],
    ['the order of a list', { a: [1, 2] }, { a: [2, 1] }, false],
    ['a longer list', { a: [1] }, { a: [1, 1] }, false],
    ['one key more', { a: 1 }, { a: 1, b: 2 }, false],
    ['one key fewer', { a: 1, b: 2 }, { a: 1 }, false],
    ['another key', { a: null }, { b: null }, false],
    ['neighbors of the largest integer', { a: 2 ** 53 - 1 }, { a: 2 ** 53 - 2 }, false],
    ['a number and its string', { a: 50 }, { a: '50' }, false],
    ['null and false', { a: null }, { a: false }, false],
    ['null and an empty object', { a: null }, { a: {} }, false],
    ['an empty list and an empty object', { a: [] }, { a: {} }, false],
    ['a list and an object of its indexes', { a: [1] }, { a: { 0: 1, length: 1 } }, false],
    ['Unicode forms', { a: '\u00e9' }, { a: 'e\u0301' }, false],
    ['keys named __proto__', proto('{"__proto__":{"a":1}}'), proto('{"__proto__":{"a":2}}'), false],
    ['a key named __proto__ and none', proto('{"__proto__":{}}'), {}, false],
    ['a key named __proto__ and another', proto('{"__proto__":{}}'), { a: {} }, false],
    ['the same key named __proto__', proto('{"__proto__":{"a":1}}'), proto('{"__proto__":{"a":1}}'), true],
  ])('%s', (_, one, other, same) => {
    expect(sameState(basisOf(event(one)), [event(other)])).toBe(same);
    expect(sameState(basisOf(event(other)), [event(one)])).toBe(same);
  });
});

describe('a basis for an append', () => {
  it('includes the key of the event', () => {
    expect(() => checkBasis(inviteOf('!a:example.org', BOB), basisOf())).not.toThrow();
    expect(() => checkBasis(inviteOf('!a:example.org', '@c:d'), basisOf())).toThrow(TypeError);
  });

  it('belongs to the same room', () => {
    expect(() => checkBasis(inviteOf('!b:example.org', BOB), basisOf())).toThrow(TypeError);
  });
});
