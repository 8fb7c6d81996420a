import { referredIds } from '../../pdu/event-id.ts';
import {
  authEventKeys,
  eventIdOf,
  hasValidContentHash,
  inviteStateKeys,
  verifyPdu,
} from '../../pdu/index.ts';
import type { BuiltInvite } from '../../ports/room-graph.ts';
import type { NewStateEvent } from '../../rooms/event.ts';
import { memberKey } from '../../rooms/room-state.ts';
import { ROOM_VERSIONS } from '../../rooms/room-version.ts';
import { byKey, check, checkSame } from '../check.ts';
import { abortedContext, deadlineContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import { graphCase, type RoomGraphHarness } from './harness.ts';
import { GraphRoom, NAME } from './room.ts';

const MAX_DEPTH = Number.MAX_SAFE_INTEGER;

export const buildCases: readonly ContractCase<RoomGraphHarness>[] = [
  graphCase({
    name: 'builds the event that it was asked for, in each room version',
    postcondition: 'build 1',
    async run(harness) {
      for (const roomVersion of harness.roomVersions) {
        const room = await GraphRoom.create(harness, { roomVersion });
        const event = {
          ...room.invite(room.stranger(), { reason: 'come in \u{1f389}', 'org.example': [{ a: null }] }),
          origin_server_ts: 1_234_567_890_123,
        };
        const { pdu } = await room.built(event);
        const { type, state_key, sender, content, origin_server_ts, room_id } = pdu;
        checkSame(
          { type, state_key, sender, content, origin_server_ts, room_id },
          event,
          'fields of the PDU',
        );
        check(!Object.hasOwn(pdu, 'origin'), 'the PDU has an origin');
        const hasId = ROOM_VERSIONS.get(roomVersion)?.eventIdHasDomain ?? false;
        checkSame(Object.hasOwn(pdu, 'event_id'), hasId, `event_id in room version ${roomVersion}`);
      }
    },
  }),
  graphCase({
    name: 'refers to exactly the events that authorize it',
    postcondition: 'build 2',
    async run(harness) {
      for (const roomVersion of harness.roomVersions) {
        const room = await GraphRoom.create(harness, { roomVersion });
        const invitee = room.stranger();
        await checkAuthEvents(room, room.invite(invitee));
        await room.put(memberKey(invitee), { membership: 'leave' });
        await room.setInviteLevel(50);
        await checkAuthEvents(room, room.invite(invitee));
      }
    },
  }),
  graphCase({
    name: 'follows the last events, and is deeper than each of them',
    postcondition: 'build 2',
    async run(harness) {
      for (const roomVersion of harness.roomVersions) {
        const room = await GraphRoom.create(harness, { roomVersion });
        await checkPrevEvents(room, await room.built(room.invite(room.stranger())));
        for (const name of ['first', 'second']) {
          await room.put(NAME, { name });
          const invite = await room.built(room.invite(room.stranger()));
          await checkPrevEvents(room, invite);
          const last = (await room.current(NAME))?.event_id ?? '';
          checkSame(referredIds(invite.pdu.prev_events), [last], 'prev_events after an event was put');
        }
      }
    },
  }),
  graphCase({
    name: 'follows at most 20 events, however many ends the graph has',
    postcondition: 'build 2',
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const invites = await Promise.all(
        room.strangers(30).map(async (userId) => {
          const basis = await room.basisFor(userId);
          return { invite: await room.built(room.invite(userId), { basis }), basis };
        }),
      );
      for (const { invite, basis } of invites) {
        checkSame((await room.append(invite, basis)).outcome, 'appended', 'outcome of append');
      }
      for (const userId of room.strangers(3)) await checkPrevEvents(room, await room.invited(userId));
    },
  }),
  graphCase({
    name: 'shows the invitee the current state, as PDUs',
    postcondition: 'build 4',
    async run(harness) {
      for (const roomVersion of harness.roomVersions) {
        const room = await GraphRoom.create(harness, { roomVersion });
        await checkInviteState(room, await room.built(room.invite(room.stranger())), roomVersion);
      }
      const room = await GraphRoom.create(harness);
      const event = room.invite(room.stranger());
      await room.built(event);
      await room.put(NAME, { name: 'Another name' });
      await checkInviteState(room, await room.built(event), room.version);
      const bobs = await room.built(room.invite(room.stranger(), {}, room.bob));
      await checkInviteState(room, bobs, room.version);
    },
  }),
  graphCase({
    name: 'resolves stale if a key of the basis has changed, and only then',
    postcondition: 'build 5',
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const invitee = room.stranger();
      const changes = [
        () => room.setInviteLevel(50),
        () => room.put(memberKey(room.alice), { membership: 'join' }),
        () => room.put(memberKey(invitee), { membership: 'ban' }),
      ];
      const build = async (basis: Awaited<ReturnType<GraphRoom['basisFor']>>) => {
        const result = await harness.graph.build(room.invite(invitee), basis, deadlineContext());
        return result.outcome;
      };
      for (const change of changes) {
        const basis = await room.basisFor(invitee);
        await room.put(NAME, { name: 'outside the basis' });
        checkSame(await build(basis), 'built', 'outcome after a change outside the basis');
        await change();
        checkSame(await build(basis), 'stale', 'outcome after a change of the basis');
      }
    },
  }),
  graphCase({
    name: 'resolves notFederated for a room that does not federate',
    postcondition: 'build 5',
    requires: ['createLocalRoom'],
    async run(harness) {
      const room = await GraphRoom.create(harness, { isLocal: true });
      const invitee = room.stranger();
      const basis = await room.basisFor(invitee);
      const result = await harness.graph.build(room.invite(invitee), basis, deadlineContext());
      checkSame(result, { outcome: 'notFederated' }, 'result');
    },
  }),
  graphCase({
    name: 'hashes and signs the event, in each room version',
    postcondition: 'build 6',
    async run(harness) {
      for (const roomVersion of harness.roomVersions) {
        const room = await GraphRoom.create(harness, { roomVersion });
        const { eventId, pdu, ...invite } = await room.built(room.invite(room.stranger()));
        checkSame(invite.roomVersion, roomVersion, 'roomVersion');
        checkSame(eventId, eventIdOf(pdu, roomVersion), 'eventId');
        check(hasValidContentHash(pdu, roomVersion), 'the content hash is not that of the content');
        const signed = verifyPdu(pdu, roomVersion, harness.serverName, harness.publicKeys);
        checkSame(signed, 'valid', `signature of ${harness.serverName}`);
      }
    },
  }),
  graphCase({
    name: 'puts nothing into the room',
    postcondition: 'build 7',
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const invitee = room.stranger();
      const before = await room.pdus();
      const basis = await room.basisFor(invitee);
      await room.built(room.invite(invitee), { basis });
      checkSame(await room.current(memberKey(invitee)), undefined, 'member event of the invitee');
      checkSame((await room.pdus()).length, before.length, 'number of events in the room');
      checkSame(byKey((await room.basisFor(invitee)).events), byKey(basis.events), 'state');
    },
  }),
  graphCase({
    name: 'rejects and keeps nothing if its signal is already aborted',
    postcondition: 'build signal',
    async run(harness) {
      const room = await GraphRoom.create(harness);
      const event = room.invite(room.stranger());
      const basis = await room.basisFor(event.state_key);
      const outcome = await harness.graph.build(event, basis, abortedContext()).then(
        (result) => result.outcome,
        () => 'rejected',
      );
      checkSame(outcome, 'rejected', 'outcome');
      const unfinished = await harness.graph.unfinished?.(
        { olderThanMs: 0, limit: 10_000 },
        deadlineContext(),
      );
      const ours = unfinished?.filter(({ pdu }) => pdu.room_id === room.id) ?? [];
      checkSame(ours, [], 'unfinished invites');
    },
  }),
];

async function checkAuthEvents(room: GraphRoom, event: NewStateEvent): Promise<void> {
  const { events } = await room.read(authEventKeys(event, room.version));
  const { pdu } = await room.built(event);
  const expected = events.map(({ event_id }) => event_id).sort();
  checkSame(referredIds(pdu.auth_events).sort(), expected, `auth_events in room version ${room.version}`);
}

/** Checks the references and the depth of an event that was built last. */
async function checkPrevEvents(room: GraphRoom, { pdu }: BuiltInvite): Promise<void> {
  const known = new Map((await room.pdus()).map((each) => [eventIdOf(each, room.version), each]));
  const prev = referredIds(pdu.prev_events);
  check(prev.length >= 1 && prev.length <= 20, `there are ${prev.length} prev_events`);
  checkSame(new Set(prev).size, prev.length, 'number of different prev_events');
  const depths = prev.map((eventId) => Number(known.get(eventId)?.depth ?? Number.NaN));
  check(!depths.some(Number.isNaN), 'prev_events are not events of the room');
  checkSame(pdu.depth, Math.min(Math.max(...depths) + 1, MAX_DEPTH), 'depth');
}

async function checkInviteState(room: GraphRoom, invite: BuiltInvite, roomVersion: string): Promise<void> {
  const { events } = await room.read(inviteStateKeys(invite.pdu.sender));
  const ids = invite.inviteState.map((pdu) => eventIdOf(pdu, roomVersion));
  checkSame([...ids].sort(), events.map(({ event_id }) => event_id).sort(), 'event IDs of inviteState');
  for (const pdu of invite.inviteState) {
    check(hasValidContentHash(pdu, roomVersion), `a PDU of inviteState (${pdu.type}) is not complete`);
  }
}
