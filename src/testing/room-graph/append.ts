import { referredIds } from '../../pdu/event-id.ts';
import { eventIdOf, type Pdu } from '../../pdu/index.ts';
import { memberKey } from '../../rooms/room-state.ts';
import { checkSame, checkUnavailable } from '../check.ts';
import { abortedContext, deadlineContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import { range, wander } from '../random.ts';
import { tally } from '../storage/room.ts';
import { graphCase, type RoomGraphHarness } from './harness.ts';
import { countersigned, GraphRoom, NAME } from './room.ts';

export const appendCases: readonly ContractCase<RoomGraphHarness>[] = [
  graphCase({
    name: 'appends the event and makes it current, in each room version',
    postcondition: 'append 1',
    async run(harness) {
      for (const roomVersion of harness.roomVersions) {
        const room = await GraphRoom.create(harness, { roomVersion });
        const invitee = room.stranger();
        const basis = await room.basisFor(invitee);
        const event = room.invite(invitee, { reason: 'come in' });
        const invite = await room.built(event, { basis });
        const result = await room.append(invite, basis);
        checkSame(result, { outcome: 'appended', eventId: invite.eventId }, 'result');
        const { type, state_key, sender, content } = event;
        const { eventId: event_id } = invite;
        const current = await room.current(memberKey(invitee));
        checkSame(current, { type, state_key, sender, content, event_id }, 'current event');
      }
    },
  }),
  graphCase({
    name: 'is stale if a key of the basis has changed, and then changes nothing',
    postcondition: 'append 2',
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const invitee = room.stranger();
      const changes = [
        () => room.setInviteLevel(50),
        () => room.put(memberKey(room.alice), { membership: 'join' }),
        () => room.put(memberKey(invitee), { membership: 'ban' }),
      ];
      for (const change of changes) {
        const basis = await room.basisFor(invitee);
        const invite = await room.built(room.invite(invitee), { basis });
        await change();
        const [current, pdus] = [await room.current(memberKey(invitee)), await room.pdus()];
        checkSame(await room.append(invite, basis), { outcome: 'stale' }, 'result');
        checkSame(await room.current(memberKey(invitee)), current, "the invitee's event");
        checkSame((await room.pdus()).length, pdus.length, 'number of events in the room');
      }
    },
  }),
  graphCase({
    name: 'appends exactly one of racing invites of one user on one basis',
    postcondition: 'append 3',
    async run(harness) {
      const room = await GraphRoom.create(harness);
      for (const invitee of room.strangers(4)) {
        const basis = await room.basisFor(invitee);
        const invites = await Promise.all(
          range(16).map((racer) =>
            room.built(room.invite(invitee, { racer }, racer % 2 === 0 ? room.alice : room.bob), { basis }),
          ),
        );
        const results = await Promise.all(invites.map((invite) => room.append(invite, basis)));
        checkSame(tally(results), { appended: 1, stale: 15, refused: 0 }, 'outcomes');
        const winner = invites[results.findIndex(({ outcome }) => outcome === 'appended')];
        checkSame((await room.current(memberKey(invitee)))?.event_id, winner?.eventId, 'current event');
      }
    },
  }),
  graphCase({
    name: 'appends all of many invites of different users at once',
    postcondition: 'append 4',
    async run(harness) {
      const instances = [harness, (await harness.secondInstance?.()) ?? harness];
      const room = await GraphRoom.create(harness);
      const outcomes = await Promise.all(
        room.strangers(40).map(async (invitee, index) => {
          const instance = instances[index % instances.length] ?? harness;
          const basis = await room.basisFor(invitee, instance);
          const invite = await room.built(room.invite(invitee), { basis, instance });
          await wander();
          return room.append(invite, basis, { instance });
        }),
      );
      checkSame(tally(outcomes), { appended: 40, stale: 0, refused: 0 }, 'outcomes');
    },
  }),
  graphCase({
    name: 'is not stale if keys outside the basis have changed',
    postcondition: 'append 4',
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const invitee = room.stranger();
      const basis = await room.basisFor(invitee);
      const invite = await room.built(room.invite(invitee), { basis });
      await room.put(NAME, { name: 'Another name' });
      await room.invited(room.stranger());
      checkSame((await room.append(invite, basis)).outcome, 'appended', 'outcome');
    },
  }),
  graphCase({
    name: 'shows an appended event in another instance immediately',
    postcondition: 'append 5',
    requires: ['secondInstance'],
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const second = await harness.secondInstance();
      for (const [writer, reader] of [
        [harness, second],
        [second, harness],
      ] as const) {
        const invitee = room.stranger();
        const { eventId } = await room.invited(invitee, writer);
        checkSame((await room.current(memberKey(invitee), reader))?.event_id, eventId, 'current event');
      }
    },
  }),
  graphCase({
    name: 'keeps every appended event through a crash',
    postcondition: 'append 5',
    requires: ['crash'],
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const invitees = room.strangers(10);
      await Promise.all(invitees.map((invitee) => room.invited(invitee)));
      const survivor = await harness.crash();
      const { events } = await room.read(invitees.map(memberKey), survivor);
      checkSame(events.length, invitees.length, 'invites after the crash');
    },
  }),
  graphCase({
    name: 'rejects with a StorageUnavailableError if the store cannot be reached',
    postcondition: 'append 6',
    requires: ['unreachable'],
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const invitee = room.stranger();
      const event = room.invite(invitee);
      const basis = await room.basisFor(invitee);
      const invite = await room.built(event, { basis });
      const broken = await harness.unreachable();
      const context = deadlineContext();
      await checkUnavailable(room.append(invite, basis, { instance: broken }));
      await checkUnavailable(broken.graph.build(event, basis, context));
      await checkUnavailable(broken.graph.hasJoinedMember(room.id, harness.serverName, context));
      if (harness.keepsBuilt) {
        await checkUnavailable(broken.graph.unfinished?.({ olderThanMs: 0, limit: 1 }, context));
      }
    },
  }),
  graphCase({
    name: 'resolves refused if the store refuses the event, and has stored nothing',
    postcondition: 'append 7',
    requires: ['refusedContent'],
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const invitee = room.stranger();
      const basis = await room.basisFor(invitee);
      const event = { ...room.invite(invitee), content: harness.refusedContent };
      const result = await room.append(await room.built(event, { basis }), basis);
      checkSame(result.outcome, 'refused', 'outcome');
      const code = result.outcome === 'refused' ? result.error.code : undefined;
      checkSame(code, 'ERR_MATRIX', 'code of the error');
      checkSame(await room.current(memberKey(invitee)), undefined, 'current event');
    },
  }),
  graphCase({
    name: 'appends an event once, however often it is called',
    postcondition: 'append 8',
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const invitee = room.stranger();
      const basis = await room.basisFor(invitee);
      const invite = await room.built(room.invite(invitee), { basis });
      const before = (await room.pdus()).length;
      const pdu = countersigned(invite.pdu);
      const again = () => room.append(invite, basis, { pdu });
      const appended = { outcome: 'appended', eventId: invite.eventId };
      for (const result of await Promise.all(range(16).map(again))) checkSame(result, appended, 'result');
      checkSame(await again(), appended, 'result of a later call');
      checkSame((await room.pdus()).length, before + 1, 'number of events in the room');
    },
  }),
  graphCase({
    name: 'resolves appended for an event that has been replaced since, and leaves the state alone',
    postcondition: 'append 8',
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const invitee = room.stranger();
      const basis = await room.basisFor(invitee);
      const invite = await room.built(room.invite(invitee), { basis });
      await room.append(invite, basis);
      await room.put(memberKey(invitee), { membership: 'leave' });
      await room.setInviteLevel(50);
      const kicked = await room.current(memberKey(invitee));
      const result = await room.append(invite, basis);
      checkSame(result, { outcome: 'appended', eventId: invite.eventId }, 'result');
      checkSame(await room.current(memberKey(invitee)), kicked, 'current event');
    },
  }),
  graphCase({
    name: 'stores the event as it was signed, as one more end of the graph',
    postcondition: 'append 9',
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const invitee = room.stranger();
      const basis = await room.basisFor(invitee);
      const invite = await room.built(room.invite(invitee), { basis });
      await room.put(NAME, { name: 'Another name' });
      const name = (await room.current(NAME))?.event_id;
      const pdu = countersigned(invite.pdu);
      await room.append(invite, basis, { pdu });
      checkSame(await find(room, invite.eventId), pdu, 'stored PDU');
      const next = await room.built(room.invite(room.stranger()));
      checkSame(referredIds(next.pdu.prev_events).sort(), [name, invite.eventId].sort(), 'next prev_events');
      await room.put(NAME, { name: 'The last name' });
      const last = await room.built(room.invite(room.stranger()));
      checkSame(referredIds(last.pdu.prev_events).length, 1, 'number of prev_events once both are joined');
    },
  }),
  graphCase({
    name: "stores the PDU with all signatures where the host's sender finds it",
    postcondition: 'append 10',
    async run(harness) {
      for (const roomVersion of harness.roomVersions) {
        const room = await GraphRoom.create(harness, { roomVersion });
        const invitee = room.stranger();
        const basis = await room.basisFor(invitee);
        const invite = await room.built(room.invite(invitee), { basis });
        const pdu = countersigned(invite.pdu);
        checkSame(await find(room, invite.eventId), undefined, 'PDU before the append');
        await room.append(invite, basis, { pdu });
        checkSame(await find(room, invite.eventId), pdu, 'PDU after the append');
      }
    },
  }),
  graphCase({
    name: 'rejects and writes nothing if its signal is already aborted',
    postcondition: 'append signal',
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const invitee = room.stranger();
      const basis = await room.basisFor(invitee);
      const invite = await room.built(room.invite(invitee), { basis });
      const outcome = await harness.graph.append(invite, invite.pdu, basis, abortedContext()).then(
        (result) => result.outcome,
        () => 'rejected',
      );
      checkSame(outcome, 'rejected', 'outcome');
      checkSame(await room.current(memberKey(invitee)), undefined, 'current event');
    },
  }),
];

async function find(room: GraphRoom, eventId: string): Promise<Pdu | undefined> {
  return (await room.pdus()).find((pdu) => eventIdOf(pdu, room.version) === eventId);
}
