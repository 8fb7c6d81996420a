import { checkSame } from '../check.ts';
import { deadlineContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import {
  appended,
  basisOf,
  callOf,
  eventOf,
  inviteNow,
  type RemoteInvitesHarness,
  remoteCase,
  startInvite,
  unfinishedIn,
  untilAsked,
} from './harness.ts';

/** The cases about `unfinished`. */
export const unfinishedCases: readonly ContractCase<RemoteInvitesHarness>[] = [
  remoteCase({
    name: 'returns the invites of a process that has crashed, the oldest first',
    postcondition: 'unfinished 13',
    requires: ['unfinished', 'behave', 'crash'],
    async run(harness) {
      const invites = [
        await harness.createInvite(),
        await harness.createInvite(),
        await harness.createInvite(),
      ];
      await harness.behave('wait');
      const events = [];
      const lost = [];
      for (const invite of invites) {
        const event = eventOf(invite);
        events.push(event);
        lost.push(startInvite(harness, invite, event));
        await untilAsked(harness, invite);
        // So that their times differ.
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const survivor = await harness.crash();
      await harness.passTime?.();
      const seen = await unfinishedIn(survivor, invites);
      await harness.behave('accept');
      await Promise.allSettled(lost);
      checkSame(seen.map(callOf), events.map(callOf), 'unfinished invites after the crash');
    },
  }),
  remoteCase({
    name: 'leaves out invites that are in the room',
    postcondition: 'unfinished 14',
    requires: ['unfinished'],
    async run(harness) {
      const invite = await harness.createInvite();
      await appended(harness, invite);
      await harness.passTime?.();
      checkSame(await unfinishedIn(harness, [invite]), [], 'unfinished invites');
    },
  }),
  remoteCase({
    name: 'leaves out an invite that was stale first, and is in the room now',
    postcondition: 'unfinished 14',
    requires: ['unfinished'],
    async run(harness) {
      const invite = await harness.createInvite();
      const event = eventOf(invite);
      const basis = await basisOf(harness, invite);
      await harness.setMember(invite.roomId, invite.userId, 'leave');
      await harness.federation.invite(event, basis, deadlineContext());
      await appended(harness, invite, { ...event, origin_server_ts: event.origin_server_ts + 1 });
      await harness.passTime?.();
      checkSame(await unfinishedIn(harness, [invite]), [], 'unfinished invites');
    },
  }),
  remoteCase({
    name: 'leaves out invites that the other server has refused',
    postcondition: 'unfinished 14',
    requires: ['unfinished', 'behave'],
    async run(harness) {
      const invite = await harness.createInvite();
      await harness.behave('refuse');
      checkSame((await inviteNow(harness, invite)).outcome, 'refused', 'outcome of a refused invite');
      await harness.passTime?.();
      checkSame(await unfinishedIn(harness, [invite]), [], 'unfinished invites');
    },
  }),
];
