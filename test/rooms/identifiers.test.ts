import { describe, expect, it } from 'vitest';
import { isRoomId, isServerName, isUserId } from '../../src/rooms/identifiers.ts';

const localpartOf = (bytes: number) => 'a'.repeat(bytes);

describe('isUserId', () => {
  it.each([
    '@alice:example.org',
    '@alice:example.org:8448',
    '@alice:1.2.3.4',
    '@alice:[2001:db8::1]:8448',
    '@:example.org',
    '@Alice Ä\u0001💬:example.org',
    `@${localpartOf(242)}:example.org`,
  ])('accepts %j', (userId) => {
    expect(isUserId(userId)).toBe(true);
  });

  it.each([
    '',
    '@',
    'alice:example.org',
    '@alice',
    '@alice:',
    '@alice:exa mple.org',
    '@alice:example.org:123456',
    '@alice:example.org:',
    '@al:ice:example.org',
    '@a\0b:example.org',
    '@\ud800:example.org',
    '@alice:example.org\n',
    '@alice:[zz]',
    `@${localpartOf(243)}:example.org`,
    `@${'ä'.repeat(122)}:example.org`,
    '!alice:example.org',
  ])('rejects %j', (userId) => {
    expect(isUserId(userId)).toBe(false);
  });
});

describe('isRoomId', () => {
  it.each(['!a:example.org', '!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM', '!a/b c?:h.org:1', '!ü'])(
    'accepts %j',
    (roomId) => {
      expect(isRoomId(roomId)).toBe(true);
    },
  );

  it.each([
    '',
    '!',
    '#a:example.org',
    '@a:example.org',
    '!a:',
    '!a:b:c',
    '!a\0',
    '!\udc00',
    `!${'a'.repeat(255)}`,
  ])('rejects %j', (roomId) => {
    expect(isRoomId(roomId)).toBe(false);
  });
});

describe('isServerName', () => {
  it('follows the grammar', () => {
    expect(isServerName('MATRIX.org')).toBe(true);
    expect(isServerName('[::1]')).toBe(true);
    expect(isServerName('a_b')).toBe(false);
    expect(isServerName('')).toBe(false);
  });
});
