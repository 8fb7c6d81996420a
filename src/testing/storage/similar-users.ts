import { isUserId } from '../../rooms/identifiers.ts';
import { memberKey } from '../../rooms/room-state.ts';
import { checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { type StorageHarness, storageCase } from './harness.ts';
import { CaseRoom } from './room.ts';

/** Returns user IDs that careless stores take for this one: in collations, in patterns, as numbers, or by the name alone. */
function similarTo(userId: string): string[] {
  const colon = userId.indexOf(':');
  const [name, server] = [userId.slice(1, colon), userId.slice(colon + 1)];
  const names = [
    name.toUpperCase(),
    name.slice(0, 1).toUpperCase() + name.slice(1),
    name.slice(0, -1),
    `${name}x`,
    `${name} `,
    ` ${name}`,
    `${name}\0`,
    `${name}.0`,
    name.replace(/\d/, '0$&'),
    name.replace(/[aeiou]/, '$&\u0301').normalize('NFC'),
    name.replace(/[aeiou]/, '$&\u0301'),
    `${name.slice(0, 1)}\u200b${name.slice(1)}`,
    name.replace(/[a-z]/, (letter) => String.fromCodePoint((letter.codePointAt(0) ?? 0) + 0xfee0)),
    name.replace(/[a-z]/, '%'),
    name.replace(/[a-z]/, '_'),
  ];
  const servers = [server.toUpperCase(), `${server}:443`, `${server}.`, `x${server}`, 'example.com'];
  const ids = [
    ...names.map((each) => `@${each}:${server}`),
    ...servers.map((each) => `@${name}:${each}`),
    ` ${userId}`,
    `${userId} `,
    `${userId}\0`,
    userId.toUpperCase(),
    userId.slice(0, -1),
    `@${name}`,
    '',
    '__proto__',
    'constructor',
  ];
  return ids.filter((id) => id !== userId);
}

export const similarUserCases: readonly ContractCase<StorageHarness>[] = [
  storageCase({
    name: 'does not confuse similar user IDs',
    postcondition: 'readState 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      const { bob } = room;
      const others = similarTo(bob);
      checkSame((await room.read(others.map(memberKey))).events, [], 'events for keys that nobody has');
      for (const other of others) {
        checkSame(await room.current(memberKey(other)), undefined, `event for ${JSON.stringify(other)}`);
      }
      checkSame(
        (await room.read([...others, bob].map(memberKey))).events.length,
        1,
        'events for them and bob',
      );
    },
  }),
  storageCase({
    name: 'replaces no ban by an invite of a user with a similar ID',
    postcondition: 'appendEvent 1',
    async run(harness) {
      const room = await CaseRoom.create(harness);
      await room.setMembership(room.bob, 'ban');
      const ban = await room.current(memberKey(room.bob));
      for (const other of similarTo(room.bob).filter(isUserId)) {
        const name = JSON.stringify(other);
        // The host app may have no such user, and say so in any way.
        const outcome = await room.invite(other, await room.basisFor(other)).then(
          (result) => result.outcome,
          () => 'rejected',
        );
        checkSame(
          await room.current(memberKey(room.bob)),
          ban,
          `ban of ${JSON.stringify(room.bob)} after an invite of ${name} (${outcome})`,
        );
        const membership = outcome === 'appended' ? 'invite' : undefined;
        checkSame(await room.membershipOf(other), membership, `membership of ${name} (${outcome})`);
      }
    },
  }),
];
