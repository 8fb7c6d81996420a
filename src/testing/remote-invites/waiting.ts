import { checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { newUserId, range } from '../random.ts';
import { within } from '../within.ts';
import {
  appended,
  eventOf,
  inviteNow,
  MAX_WAIT_MS,
  memberOf,
  type RemoteInvitesHarness,
  remoteCase,
  startInvite,
  untilAsked,
} from './harness.ts';

/** The cases about `invite` while the other server does not respond. */
export const waitingCases: readonly ContractCase<RemoteInvitesHarness>[] = [
  remoteCase({
    name: 'stores nothing before the other server has accepted',
    postcondition: 'invite 4',
    requires: ['behave'],
    async run(harness) {
      const invite = await harness.createInvite();
      await harness.behave('wait');
      const result = startInvite(harness, invite);
      await untilAsked(harness, invite);
      checkSame(
        await memberOf(harness, invite),
        undefined,
        'member event before the other server has responded',
      );
      await harness.behave('accept');
      checkSame((await result).outcome, 'appended', 'outcome once it has accepted');
    },
  }),
  remoteCase({
    name: 'stores nothing if the room has changed while the other server was asked',
    postcondition: 'invite 5',
    requires: ['behave'],
    async run(harness) {
      const invite = await harness.createInvite();
      await harness.behave('wait');
      const result = startInvite(harness, invite);
      await untilAsked(harness, invite);
      await harness.setMember(invite.roomId, invite.sender, 'leave');
      await harness.behave('accept');
      checkSame((await result).outcome, 'stale', 'outcome on a basis that no longer holds');
      checkSame(await harness.stored(invite.roomId, invite.userId), 0, 'stored invites');
    },
  }),
  remoteCase({
    name: 'completes invites of several users into one room, all at once',
    postcondition: 'invite 5',
    async run(harness) {
      const invite = await harness.createInvite();
      const invites = range(8).map((index) => ({
        ...invite,
        userId: invite.userId.replace('@', `@${index}`),
      }));
      const results = await Promise.all(invites.map((each) => inviteNow(harness, each)));
      checkSame(
        results.map(({ outcome }) => outcome),
        invites.map(() => 'appended'),
        'outcomes of parallel invites',
      );
    },
  }),
  remoteCase({
    name: 'completes a call of a process that has crashed, with one event',
    postcondition: 'invite 8',
    requires: ['behave', 'crash'],
    async run(harness) {
      const invite = await harness.createInvite();
      const event = eventOf(invite);
      await harness.behave('wait');
      const lost = startInvite(harness, invite, event);
      await untilAsked(harness, invite);
      const survivor = await harness.crash();
      await harness.behave('accept');
      await lost.catch(() => undefined);
      const result = await inviteNow(survivor, invite, event);
      checkSame(result.outcome, 'appended', 'outcome of the call after the crash');
      checkSame((await memberOf(survivor, invite))?.content, event.content, 'content of the stored event');
    },
  }),
  remoteCase({
    name: 'holds up no other change of the room while the other server is asked',
    postcondition: 'invite 10',
    requires: ['behave'],
    async run(harness) {
      const invite = await harness.createInvite();
      await harness.behave('wait');
      const result = startInvite(harness, invite);
      await untilAsked(harness, invite);
      const change = harness.setMember(invite.roomId, newUserId(), 'invite');
      await within(MAX_WAIT_MS, 'another change of the room', change).finally(() => harness.behave('accept'));
      checkSame((await result).outcome, 'appended', 'outcome once the other server has accepted');
    },
  }),
  remoteCase({
    name: 'completes other invites while the other server is asked',
    postcondition: 'invite 10',
    requires: ['behave'],
    async run(harness) {
      const [waiting, other] = [await harness.createInvite(), await harness.createInvite()];
      await harness.behave('wait');
      const first = startInvite(harness, waiting);
      const second = startInvite(harness, other);
      await Promise.all([untilAsked(harness, waiting), untilAsked(harness, other)]);
      await harness.behave('accept');
      checkSame((await first).outcome, 'appended', 'outcome of the first invite');
      checkSame((await second).outcome, 'appended', 'outcome of the second invite');
      await appended(harness, await harness.createInvite());
    },
  }),
];
