import type { JsonObject } from '../../rooms/event.ts';
import { memberKey } from '../../rooms/room-state.ts';
import { checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { CaseRoom } from './room.ts';

const STRINGS: readonly string[] = [
  '',
  '\\u0000',
  'é e\u0301 ﬁ',
  '💬👩‍👩‍👧',
  `"'\`; DROP TABLE rooms; -- %_`,
  '\u2028\r\n\t ',
  '<b>&amp;</b>',
  '__proto__',
  'null',
  'true',
  '007',
  '1.50',
  '{"a":1}',
  '[1]',
  '2026-01-02T03:04:05.678Z',
];

/** Keys that an invite may have besides the usual ones, now or in a later release. */
const MORE_KEYS: JsonObject = {
  is_direct: true,
  join_authorised_via_users_server: '@admin:example.org',
  third_party_invite: {
    display_name: 'b...@example.org',
    signed: { mxid: '@b:example.org', signatures: {} },
  },
  'org.example.nothing': null,
  'org.example.numbers': [2 ** 53 - 1, 0.5, -1, 0],
  'org.example.invite': { list: [], counts: [3, 1, 2, 1], note: null, isNew: false },
};

/** Every key of an invite's content must be stored, even by a host app that has no other events. */
export const inviteContentCases: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: 'stores the strings of an invite unchanged',
    postcondition: 'appendEvent 1',
    run: (harness) => checkStrings(harness, STRINGS),
  }),
  storageCase({
    name: 'stores long strings of an invite unchanged',
    postcondition: 'appendEvent 1',
    unless: 'longStrings',
    run: (harness) => checkStrings(harness, ['x'.repeat(256), '💬'.repeat(1_000), 'ä'.repeat(10_000)]),
  }),
  storageCase({
    name: 'stores NUL in the strings of an invite',
    postcondition: 'appendEvent 1',
    unless: 'nul',
    run: (harness) => checkStrings(harness, ['\0', 'a\0b', 'a\0']),
  }),
  storageCase({
    name: 'stores every key of an invite, even those that it does not know',
    postcondition: 'appendEvent 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      await checkStored(room, await room.stranger(), { reason: 'come in', ...MORE_KEYS });
    },
  }),
  storageCase({
    name: 'keeps nothing of the content that an invite replaces',
    postcondition: 'appendEvent 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      for (const replaces of ['the invite', 'a leave after it']) {
        const invitee = await room.stranger();
        const profile = { displayname: 'Bob', avatar_url: 'mxc://example.org/bob', reason: 'first' };
        await checkStored(room, invitee, { ...profile, ...MORE_KEYS });
        if (replaces !== 'the invite') await room.setMembership(invitee, 'leave');
        await checkStored(room, invitee, {});
        await checkStored(room, invitee, { reason: 'third' });
      }
    },
  }),
];

async function checkStrings(harness: StorageHarness, strings: readonly string[]): Promise<void> {
  const room = await CaseRoom.create(harness);
  for (const string of strings) {
    const more = { reason: string, displayname: string, avatar_url: `mxc://example.org/${string}` };
    await checkStored(room, await room.stranger(), more);
  }
}

async function checkStored(room: CaseRoom, invitee: string, more: JsonObject): Promise<void> {
  const event = room.inviteEvent(invitee, more);
  const expected = structuredClone(event.content);
  checkSame((await room.append(event, await room.basisFor(invitee))).outcome, 'appended', 'outcome');
  checkSame((await room.current(memberKey(invitee)))?.content, expected, 'content of the invite');
}
