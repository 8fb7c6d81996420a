import type { BuiltInvite } from '../../ports/room-graph.ts';
import { memberKey } from '../../rooms/room-state.ts';
import { check, checkSame } from '../check.ts';
import { deadlineContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import { range, wander } from '../random.ts';
import { type GraphInstance, graphCase, type RoomGraphHarness } from './harness.ts';
import { GraphRoom, JOIN_RULES, NAME } from './room.ts';

const HOUR_MS = 3_600_000;

/** The promises of a graph that keeps what it builds. */
export const retryCases: readonly ContractCase<RoomGraphHarness>[] = [
  graphCase({
    name: 'gives the same PDU again, whatever else has happened in the room',
    postcondition: 'build 3',
    requires: ['keepsBuilt'],
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const event = room.invite(room.stranger(), { reason: 'first' });
      const first = await room.built(event);
      await room.put(NAME, { name: 'Another name' });
      await room.invited(room.stranger());
      const again = await room.built({ ...event, origin_server_ts: event.origin_server_ts + 60_000 });
      checkSame(again.eventId, first.eventId, 'event ID of the retry');
      checkSame(again.pdu, first.pdu, 'PDU of the retry');
    },
  }),
  graphCase({
    name: 'keeps the PDUs of different events apart',
    postcondition: 'build 3',
    requires: ['keepsBuilt'],
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const invitee = room.stranger();
      const event = room.invite(invitee, { reason: 'first' });
      const others = [
        room.invite(invitee, { reason: 'second' }),
        room.invite(invitee),
        room.invite(invitee, { reason: 'first' }, room.bob),
        room.invite(room.stranger(), { reason: 'first' }),
      ];
      const first = await room.built(event);
      for (const other of others) {
        const { pdu } = await room.built(other);
        const { sender, state_key, content } = other;
        const seen = { sender: pdu.sender, state_key: pdu.state_key, content: pdu.content };
        checkSame(seen, { sender, state_key, content }, 'another event');
      }
      checkSame((await room.built(event)).eventId, first.eventId, 'event ID of the retry');
    },
  }),
  graphCase({
    name: 'gives the same PDU to all that build one event at once',
    postcondition: 'build 3',
    requires: ['keepsBuilt'],
    async run(harness) {
      const instances = [harness, (await harness.secondInstance?.()) ?? harness];
      const room = await GraphRoom.create(harness);
      for (const invitee of room.strangers(4)) {
        const event = room.invite(invitee);
        const invites = await Promise.all(
          range(16).map(async (racer) => {
            await wander();
            const instance = instances[racer % instances.length] ?? harness;
            return room.built({ ...event, origin_server_ts: event.origin_server_ts + racer }, { instance });
          }),
        );
        checkSame(new Set(invites.map(({ eventId }) => eventId)).size, 1, 'number of different event IDs');
      }
    },
  }),
  graphCase({
    name: 'gives the same PDU in another instance',
    postcondition: 'build 3',
    requires: ['keepsBuilt', 'secondInstance'],
    async run(harness) {
      await checkKept(harness, () => harness.secondInstance());
    },
  }),
  graphCase({
    name: 'gives the same PDU after a crash',
    postcondition: 'build 3',
    requires: ['keepsBuilt', 'crash'],
    async run(harness) {
      await checkKept(harness, () => harness.crash());
    },
  }),
  graphCase({
    name: 'builds anew when an event that authorizes it has changed',
    postcondition: 'build 3',
    requires: ['keepsBuilt'],
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const event = room.invite(room.stranger());
      const changes = [
        () => room.setInviteLevel(1),
        () => room.put(JOIN_RULES, { join_rule: 'invite' }),
        () => room.put(memberKey(room.alice), { membership: 'join', displayname: 'A.' }),
      ];
      let earlier = await room.built(event);
      for (const change of changes) {
        await change();
        const later = await room.built(event);
        check(later.eventId !== earlier.eventId, 'a PDU was given again with auth_events of the past');
        checkSame((await room.built(event)).eventId, later.eventId, 'event ID of the retry');
        earlier = later;
      }
      const unfinished = await unfinishedIn(room, harness);
      checkSame(idsOf(unfinished), [earlier.eventId], 'unfinished invites');
    },
  }),
  graphCase({
    name: 'builds anew after an hour',
    postcondition: 'build 3',
    requires: ['age'],
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const event = room.invite(room.stranger());
      const first = await room.built(event);
      await harness.age(HOUR_MS - 600_000);
      checkSame((await room.built(event)).eventId, first.eventId, 'event ID after 50 minutes');
      await harness.age(660_000);
      const later = await room.built({ ...event, origin_server_ts: event.origin_server_ts + HOUR_MS });
      check(later.eventId !== first.eventId, 'a PDU was given again after more than an hour');
    },
  }),
  graphCase({
    name: 'forgets a discarded invite, and builds it anew',
    postcondition: 'discard 1',
    requires: ['keepsBuilt'],
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const event = room.invite(room.stranger());
      const [first, other] = [await room.built(event), await room.built(room.invite(room.stranger()))];
      await discard(harness, first);
      checkSame(idsOf(await unfinishedIn(room, harness)), [other.eventId], 'unfinished invites');
      const later = { ...event, origin_server_ts: event.origin_server_ts + 1 };
      checkSame((await room.built(later)).pdu.origin_server_ts, later.origin_server_ts, 'origin_server_ts');
    },
  }),
  graphCase({
    name: 'takes nothing out of the room, and ignores what it does not know',
    postcondition: 'discard 2',
    requires: ['keepsBuilt'],
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const invitee = room.stranger();
      const invite = await room.invited(invitee);
      for (const _ of range(2)) await discard(harness, invite);
      checkSame((await room.current(memberKey(invitee)))?.event_id, invite.eventId, 'current event');
      const unknown = await room.built(room.invite(room.stranger()));
      for (const _ of range(2)) await discard(harness, unknown);
    },
  }),
  graphCase({
    name: 'returns what was built and neither appended nor discarded, the oldest first',
    postcondition: 'unfinished 1',
    requires: ['keepsBuilt'],
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const expected: BuiltInvite[] = [];
      for (const invitee of room.strangers(4)) expected.push(await room.built(room.invite(invitee)));
      await room.invited(room.stranger());
      const unfinished = await unfinishedIn(room, harness);
      checkSame(idsOf(unfinished), idsOf(expected), 'event IDs');
      checkSame(unfinished[0], expected[0], 'the first invite');
      const [oldest] = await listed(harness, { olderThanMs: 0, limit: 1 });
      check(oldest !== undefined, 'nothing was returned with a limit of 1');
      checkSame((await listed(harness, { olderThanMs: 0, limit: 2 })).length, 2, 'number with a limit of 2');
    },
  }),
  graphCase({
    name: 'returns only what is old enough',
    postcondition: 'unfinished 1',
    requires: ['age'],
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const first = await room.built(room.invite(room.stranger()));
      checkSame(await unfinishedIn(room, harness, 600_000), [], 'invites older than 10 minutes');
      await harness.age(660_000);
      await room.built(room.invite(room.stranger()));
      const old = await unfinishedIn(room, harness, 600_000);
      checkSame(idsOf(old), [first.eventId], 'invites older than 10 minutes, 11 minutes later');
    },
  }),
  graphCase({
    name: 'returns in every instance what one of them has built',
    postcondition: 'unfinished 2',
    requires: ['keepsBuilt', 'secondInstance'],
    async run(harness) {
      await checkListed(harness, () => harness.secondInstance());
    },
  }),
  graphCase({
    name: 'returns after a crash what was built before',
    postcondition: 'unfinished 2',
    requires: ['keepsBuilt', 'crash'],
    async run(harness) {
      await checkListed(harness, () => harness.crash());
    },
  }),
];

async function checkKept(harness: RoomGraphHarness, other: () => Promise<GraphInstance>): Promise<void> {
  const room = await GraphRoom.create(harness);
  const event = room.invite(room.stranger());
  const first = await room.built(event);
  const instance = await other();
  const again = await room.built({ ...event, origin_server_ts: event.origin_server_ts + 1 }, { instance });
  checkSame(again.pdu, first.pdu, 'PDU of the retry');
}

async function checkListed(harness: RoomGraphHarness, other: () => Promise<GraphInstance>): Promise<void> {
  const room = await GraphRoom.create(harness);
  const invite = await room.built(room.invite(room.stranger()));
  checkSame(await unfinishedIn(room, await other()), [invite], 'unfinished invites');
}

async function unfinishedIn(
  room: GraphRoom,
  instance: GraphInstance,
  olderThanMs = 0,
): Promise<BuiltInvite[]> {
  const all = await listed(instance, { olderThanMs, limit: 100_000 });
  return all.filter(({ pdu }) => pdu.room_id === room.id);
}

async function listed(
  { graph }: GraphInstance,
  options: { olderThanMs: number; limit: number },
): Promise<readonly BuiltInvite[]> {
  check(graph.unfinished !== undefined, 'the graph has no unfinished');
  return graph.unfinished(options, deadlineContext());
}

async function discard({ graph }: GraphInstance, invite: BuiltInvite): Promise<void> {
  check(graph.discard !== undefined, 'the graph has no discard');
  await graph.discard(invite, deadlineContext());
}

function idsOf(invites: readonly BuiltInvite[]): string[] {
  return invites.map(({ eventId }) => eventId);
}
