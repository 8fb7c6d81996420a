import type { StateKey } from '../../rooms/event.ts';
import { memberKey } from '../../rooms/room-state.ts';
import { checkSame } from '../check.ts';
import { deadlineContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { CaseRoom, createUsers } from './room.ts';

/** Strings that careless stores confuse. */
const LOOKALIKES: readonly string[] = [
  '',
  ' ',
  '*',
  '%',
  '_',
  'a',
  'A',
  'a ',
  'a\0',
  'a\0b',
  'a\0c',
  'a:b',
  'a/b',
  '\u00e9',
  'e\u0301',
  'ß',
  'ss',
  'ﬁ',
  'fi',
  'i',
  'İ',
  'ı',
  '💬',
  '👍',
  "'",
  '"',
  '\\',
  '\\u0000',
  '0',
  '00',
  'null',
  'undefined',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  `${'ä'.repeat(126)}y`,
];

/** Strings of 255 bytes, the maximum length of a user ID or a state key. */
const LONGEST: readonly string[] = [`${'x'.repeat(254)}y`, `${'x'.repeat(254)}z`, `${'ä'.repeat(127)}y`];

/** Strings that join type and state key in careless stores. */
const SEPARATORS = [
  '',
  ':',
  '|',
  '\0',
  ',',
  '/',
  '\n',
  '\t',
  '-',
  '.',
  '_',
  '#',
  ';',
  '=',
  '~',
  '\x1f',
  '::',
  '","',
];

/** Pairs that become the same string if type and state key are joined. */
const JOINED: readonly StateKey[] = [
  ...SEPARATORS.flatMap((separator) => [
    { type: `a${separator}b`, state_key: 'c' },
    { type: 'a', state_key: `b${separator}c` },
  ]),
  { type: 'a ', state_key: 'c' },
  { type: 'a', state_key: ' c' },
  { type: 'A', state_key: 'c' },
];

export const keyCases: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: 'does not confuse similar keys',
    postcondition: 'readState 1',
    requires: ['putState'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const keys = [
        ...[...LOOKALIKES, ...LONGEST].map((string) => ({
          type: 'org.example.lookalike',
          state_key: string,
        })),
        ...LOOKALIKES.map((string) => ({ type: `t${string}`, state_key: 'key' })),
        ...JOINED,
      ];
      for (const [mark, key] of keys.entries()) await harness.putState(room.event(key, { mark }));
      checkSame((await room.read(keys)).events.length, keys.length, 'number of events');
      for (const [mark, key] of keys.entries()) {
        const { events } = await room.read([key]);
        const seen = events.map(({ type, state_key, content }) => ({ type, state_key, content }));
        checkSame(seen, [{ ...key, content: { mark } }], `events for ${JSON.stringify(key)}`);
      }
    },
  }),
  storageCase({
    name: 'appends under a key that is similar to an existing one',
    postcondition: 'appendEvent 1',
    requires: ['putState'],
    async run(harness) {
      const room = await CaseRoom.create(harness);
      for (const [mark, string] of LOOKALIKES.entries()) {
        const key = { type: 'org.example.lookalike', state_key: string };
        const result = await room.append(room.event(key, { mark }), await room.read([key]));
        checkSame(result.outcome, 'appended', `outcome for the absent key ${JSON.stringify(string)}`);
      }
      for (const [mark, string] of LOOKALIKES.entries()) {
        const key = { type: 'org.example.lookalike', state_key: string };
        checkSame((await room.current(key))?.content, { mark }, `content for ${JSON.stringify(string)}`);
      }
    },
  }),
  storageCase({
    name: 'invites both of two users whose 255-byte IDs differ in one character',
    postcondition: 'appendEvent 1',
    unless: 'longUserIds',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const [stem, server] = [room.bob.replace(':example.org', ''), ':example.org'];
      const filled = stem.padEnd(255 - server.length - 1, 'x');
      const invitees = await createUsers(
        harness,
        ['y', 'z'].map((end) => `${filled}${end}${server}`),
      );
      for (const invitee of invitees) {
        checkSame(await room.membershipOf(invitee), undefined, 'membership before the invite');
        checkSame((await room.invite(invitee, await room.basisFor(invitee))).outcome, 'appended', 'outcome');
      }
      checkSame((await room.read(invitees.map(memberKey))).events.length, 2, 'number of invites');
    },
  }),
  storageCase({
    name: 'does not confuse rooms with similar IDs',
    postcondition: 'readState 2',
    requires: ['putState'],
    async run(harness) {
      const { id } = await CaseRoom.create(harness);
      const key = { type: 'org.example.mark', state_key: '' };
      const opaque = (part: string) => id.replace('room', part);
      const roomIds = ['Room', 'r\u00e9om', 're\u0301om', 'r💬', 'r%m', '__proto__', 'r/m'].map(opaque);
      const [stem, server] = [`!${id.slice(6, -12)}`, ':example.org'];
      const fill = 255 - stem.length - server.length - 1;
      roomIds.push(...['y', 'z'].map((end) => `${stem}${'x'.repeat(fill)}${end}${server}`));
      const rooms = [];
      for (const roomId of roomIds) {
        const room = await CaseRoom.create(harness, { roomId });
        await harness.putState(room.event(key, { mark: room.id }));
        rooms.push(room.id);
      }
      for (const roomId of rooms) {
        const snapshot = await harness.adapter.readState(roomId, [key], deadlineContext());
        checkSame(snapshot?.events[0]?.content.mark, roomId, `mark of ${JSON.stringify(roomId)}`);
      }
    },
  }),
];
