import { check, checkSame, checkUnavailable } from '../check.ts';
import { abortedContext, deadlineContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import { range, wander } from '../random.ts';
import {
  appended,
  basisOf,
  eventOf,
  inviteNow,
  memberOf,
  type RemoteInvitesHarness,
  remoteCase,
} from './harness.ts';

/** The cases about `invite`, with another server that accepts at once. */
export const inviteCases: readonly ContractCase<RemoteInvitesHarness>[] = [
  remoteCase({
    name: 'stores the event once the other server has accepted it',
    postcondition: 'invite 4',
    async run(harness) {
      const invite = await harness.createInvite();
      const event = eventOf(invite);
      const eventId = await appended(harness, invite, event);
      check((await harness.asked(invite.userId)) > 0, 'the other server was not asked');
      const second = (await harness.secondInstance?.()) ?? harness;
      for (const instance of [harness, second]) {
        const member = await memberOf(instance, invite);
        checkSame(member?.content, event.content, 'content of the stored event');
        checkSame(member?.sender, event.sender, 'sender of the stored event');
        if (member?.event_id !== undefined) checkSame(eventId, member.event_id, 'resolved event ID');
      }
    },
  }),
  remoteCase({
    name: 'keeps the event in a crash',
    postcondition: 'invite 4',
    requires: ['crash'],
    async run(harness) {
      const invite = await harness.createInvite();
      const event = eventOf(invite);
      await appended(harness, invite, event);
      const survivor = await harness.crash();
      checkSame((await memberOf(survivor, invite))?.content, event.content, 'content after the crash');
    },
  }),
  remoteCase({
    name: 'stores nothing if the room has changed before',
    postcondition: 'invite 5',
    async run(harness) {
      const invite = await harness.createInvite();
      const basis = await basisOf(harness, invite);
      await harness.setMember(invite.roomId, invite.sender, 'leave');
      const { outcome } = await harness.federation.invite(eventOf(invite), basis, deadlineContext());
      checkSame(outcome, 'stale', 'outcome on a basis that no longer holds');
      checkSame(await harness.stored(invite.roomId, invite.userId), 0, 'stored invites');
    },
  }),
  remoteCase({
    name: 'stores the event when it is called again with a basis that holds',
    postcondition: 'invite 5',
    async run(harness) {
      const invite = await harness.createInvite();
      const event = eventOf(invite);
      const basis = await basisOf(harness, invite);
      await harness.setMember(invite.roomId, invite.userId, 'leave');
      const { outcome } = await harness.federation.invite(event, basis, deadlineContext());
      checkSame(outcome, 'stale', 'outcome on a basis that no longer holds');
      await appended(harness, invite, event);
      checkSame(await harness.stored(invite.roomId, invite.userId), 1, 'stored invites');
    },
  }),
  remoteCase({
    name: 'refuses nothing that was refused before, but is accepted now',
    postcondition: 'invite 6',
    requires: ['behave'],
    async run(harness) {
      const invite = await harness.createInvite();
      await harness.behave('refuse');
      const { outcome } = await inviteNow(harness, invite);
      checkSame(outcome, 'refused', 'outcome of an invite that the other server refuses');
      await harness.behave('accept');
      await appended(harness, invite);
      checkSame(await harness.stored(invite.roomId, invite.userId), 1, 'stored invites');
    },
  }),
  remoteCase({
    name: 'resolves the error for an invite that the other server refuses, and stores nothing',
    postcondition: 'invite 6',
    requires: ['behave'],
    async run(harness) {
      const invite = await harness.createInvite();
      await harness.behave('refuse');
      const result = await inviteNow(harness, invite);
      check(result.outcome === 'refused', `invite resolved ${result.outcome} although it was refused`);
      const { status, errcode } = result.error;
      check(status >= 400 && status <= 599, `the error has the status ${status}`);
      check(typeof errcode === 'string' && errcode !== '', 'the error has no errcode');
      check(status !== 401, 'the error is a 401, which logs the client out');
      checkSame(await memberOf(harness, invite), undefined, 'member event after the refusal');
      checkSame(await harness.stored(invite.roomId, invite.userId), 0, 'stored invites');
    },
  }),
  remoteCase({
    name: 'says that the other server was asked, if it has refused',
    postcondition: 'invite 7',
    requires: ['behave'],
    async run(harness) {
      const invite = await harness.createInvite();
      await harness.behave('refuse');
      const { wasAsked } = await inviteNow(harness, invite);
      check((await harness.asked(invite.userId)) > 0, 'the other server was not asked');
      checkSame(wasAsked, true, 'wasAsked of a refusal by the other server');
    },
  }),
  remoteCase({
    name: 'does not say that nobody was asked, if the other server has accepted',
    postcondition: 'invite 7',
    async run(harness) {
      const { wasAsked } = await inviteNow(harness, await harness.createInvite());
      check(wasAsked !== false, 'wasAsked is false although the other server has accepted');
    },
  }),
  remoteCase({
    name: 'rejects with a StorageUnavailableError when its store cannot be reached',
    postcondition: 'invite 8',
    requires: ['unreachable'],
    async run(harness) {
      const invite = await harness.createInvite();
      const basis = await basisOf(harness, invite);
      const federation = await harness.unreachable();
      await checkUnavailable(federation.invite(eventOf(invite), basis, deadlineContext()));
    },
  }),
  remoteCase({
    name: 'stores one event when the same call comes again, as after a lost answer',
    postcondition: 'invite 8',
    async run(harness) {
      const invite = await harness.createInvite();
      const event = eventOf(invite);
      const basis = await basisOf(harness, invite);
      const call = (instance = harness.federation) => instance.invite(event, basis, deadlineContext());
      const first = await call();
      check(first.outcome === 'appended', `invite resolved ${first.outcome} for an invite that was accepted`);
      const second = await call((await harness.secondInstance?.())?.federation);
      check(second.outcome !== 'refused', 'the second call was refused');
      if (second.outcome === 'appended')
        checkSame(second.eventId, first.eventId, 'event ID of the second call');
      checkSame(await harness.stored(invite.roomId, invite.userId), 1, 'stored invites');
    },
  }),
  remoteCase({
    name: 'stores one event for equal calls that race',
    postcondition: 'invite 9',
    async run(harness) {
      const second = (await harness.secondInstance?.()) ?? harness;
      for (const _ of range(5)) {
        const invite = await harness.createInvite();
        const basis = await basisOf(harness, invite);
        const results = await Promise.all(
          range(10).map(async (index) => {
            await wander();
            const { federation } = index % 2 === 0 ? harness : second;
            const event = { ...eventOf(invite), origin_server_ts: Date.now() + index };
            return federation.invite(event, basis, deadlineContext());
          }),
        );
        const ids = results.flatMap((result) => (result.outcome === 'appended' ? [result.eventId] : []));
        check(ids.length > 0, 'none of the racing calls resolved appended');
        checkSame(new Set(ids).size, 1, 'number of event IDs of racing equal calls');
        checkSame(await harness.stored(invite.roomId, invite.userId), 1, 'stored invites');
      }
    },
  }),
  remoteCase({
    name: 'asks nobody and stores nothing if its time is over',
    postcondition: 'aborted call',
    async run(harness) {
      const invite = await harness.createInvite();
      const basis = await basisOf(harness, invite);
      const result = await harness.federation.invite(eventOf(invite), basis, abortedContext()).then(
        () => 'resolved',
        () => 'rejected',
      );
      checkSame(result, 'rejected', 'an aborted invite');
      checkSame(await harness.asked(invite.userId), 0, 'requests to the other server');
      checkSame(await harness.stored(invite.roomId, invite.userId), 0, 'stored invites');
    },
  }),
];
