import { checkSame } from '../check.ts';
import { deadlineContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import {
  appended,
  basisOf,
  eventOf,
  memberOf,
  type RemoteInvitesHarness,
  remoteCase,
  startInvite,
  unfinishedIn,
  untilAsked,
} from './harness.ts';

/** The cases about `abandon`. */
export const abandonCases: readonly ContractCase<RemoteInvitesHarness>[] = [
  remoteCase({
    name: 'gives up an invite that was stale',
    postcondition: 'abandon 11',
    async run(harness) {
      const invite = await harness.createInvite();
      const event = eventOf(invite);
      const basis = await basisOf(harness, invite);
      await harness.setMember(invite.roomId, invite.sender, 'leave');
      const { outcome } = await harness.federation.invite(event, basis, deadlineContext());
      checkSame(outcome, 'stale', 'outcome on a basis that no longer holds');
      await harness.federation.abandon(event, deadlineContext());
      await harness.passTime?.();
      checkSame(await unfinishedIn(harness, [invite]), [], 'unfinished invites');
      checkSame(await harness.stored(invite.roomId, invite.userId), 0, 'stored invites');
    },
  }),
  remoteCase({
    name: 'leaves an event in the room that it has already',
    postcondition: 'abandon 11',
    async run(harness) {
      const invite = await harness.createInvite();
      const event = eventOf(invite);
      await appended(harness, invite, event);
      await harness.federation.abandon(event, deadlineContext());
      checkSame((await memberOf(harness, invite))?.content, event.content, 'content of the stored event');
    },
  }),
  remoteCase({
    name: 'gives up no other invite',
    postcondition: 'abandon 11',
    requires: ['unfinished', 'behave'],
    async run(harness) {
      const invite = await harness.createInvite();
      const event = eventOf(invite);
      await harness.behave('wait');
      const result = startInvite(harness, invite, event);
      await untilAsked(harness, invite);
      await harness.setMember(invite.roomId, invite.userId, 'leave');
      await harness.behave('accept');
      checkSame((await result).outcome, 'stale', 'outcome on a basis that no longer holds');
      const others = [
        eventOf(invite, 'another reason'),
        eventOf({ ...invite, userId: invite.userId.replace('@', '@other') }),
        eventOf(await harness.createInvite()),
      ];
      for (const other of others) await harness.federation.abandon(other, deadlineContext());
      await harness.passTime?.();
      const unfinished = await unfinishedIn(harness, [invite]);
      checkSame(unfinished.length, 1, 'number of unfinished invites');
      await appended(harness, invite, event);
    },
  }),
  remoteCase({
    name: 'resolves if there is nothing to give up',
    postcondition: 'abandon 12',
    async run({ federation, createInvite }) {
      await federation.abandon(eventOf(await createInvite()), deadlineContext());
    },
  }),
];
