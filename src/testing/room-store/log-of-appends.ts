import type { RoomStore } from '../../ports/storage.ts';
import type { StateEvent } from '../../rooms/event.ts';
import { POWER_LEVELS_KEY } from '../../rooms/room-state.ts';
import { byKey, checkSame } from '../check.ts';
import type { ContractCase } from '../contract.ts';
import { range, wander } from '../random.ts';
import { storageHarnessFor } from '../storage/harness-for.ts';
import { CaseRoom, tally } from '../storage/room.ts';
import { type RoomStoreHarness, roomStoreCase, wholeTimeline } from './harness.ts';

/** The promises of `appendEvent` that only the log can prove. */
export const appendLogCases: readonly ContractCase<RoomStoreHarness>[] = [
  roomStoreCase({
    name: 'logs exactly one of 32 racing invites of one user',
    postcondition: 'appendEvent 3',
    async run({ store }) {
      const room = await roomIn(store);
      const invitee = await room.stranger();
      const basis = await room.basisFor(invitee);
      const results = await Promise.all(range(32).map(() => room.invite(invitee, basis)));
      checkSame(tally(results).appended, 1, 'number of invites that were appended');
      const invites = (await wholeTimeline(store, room.id)).filter(isInvite);
      checkSame(invites.length, 1, 'number of invites in the log');
    },
  }),
  roomStoreCase({
    name: 'logs in every process what each of them appends',
    postcondition: 'appendEvent 5',
    requires: ['secondInstance'],
    async run({ store, secondInstance }) {
      const room = await roomIn(store);
      const stores = [store, await secondInstance()];
      for (const adapter of stores) {
        for (const invitee of await room.strangers(3)) {
          const basis = await room.basisFor(invitee, adapter);
          checkSame((await room.invite(invitee, basis, { adapter })).outcome, 'appended', 'outcome');
        }
      }
      const logs = await Promise.all(stores.map((each) => wholeTimeline(each, room.id)));
      for (const log of logs) {
        checkSame(log, logs[0], 'log in the other process');
        const invited = log.filter(isInvite).map(({ sender }) => sender);
        checkSame(
          invited,
          range(6).map(() => room.alice),
          'senders of the invites in the log',
        );
      }
    },
  }),
  roomStoreCase({
    name: 'logs nothing for a stale append',
    postcondition: 'appendEvent 2',
    async run({ store }) {
      const room = await roomIn(store);
      const invitee = await room.stranger();
      const basis = await room.basisFor(invitee);
      await room.setInviteLevel(100);
      const before = await wholeTimeline(store, room.id);
      checkSame((await room.invite(invitee, basis)).outcome, 'stale', 'outcome');
      checkSame(await wholeTimeline(store, room.id), before, 'log of the room');
    },
  }),
  roomStoreCase({
    name: 'never logs an invite after the power levels that made it stale',
    postcondition: 'appendEvent 1',
    async run({ store }) {
      for (const _ of range(6)) await racePowerLevels(store);
    },
  }),
  roomStoreCase({
    name: 'logs an appended event once and completely, with its time and room',
    postcondition: 'appendEvent 1',
    async run({ store }) {
      const room = await roomIn(store);
      const invitee = await room.stranger();
      const event = { ...room.inviteEvent(invitee), origin_server_ts: 1_234_567_890_123 };
      const result = await room.append(event, await room.basisFor(invitee));
      const eventId = result.outcome === 'appended' ? result.eventId : result.outcome;
      const log = await wholeTimeline(store, room.id);
      checkSame(log.filter(isInvite), [{ ...event, event_id: eventId }], 'invites in the log');
    },
  }),
  roomStoreCase({
    name: 'logs an append that is aborted midway if it is current, and only then',
    postcondition: 'appendEvent signal',
    async run({ store }) {
      const room = await roomIn(store);
      await Promise.all(
        (await room.strangers(24)).map(async (invitee, index) => {
          const basis = await room.basisFor(invitee);
          const deadline = new AbortController();
          const append = store.appendEvent(room.inviteEvent(invitee), basis, { signal: deadline.signal });
          const appending = append.catch(() => 'rejected');
          await wander(index % 4);
          deadline.abort();
          await appending;
        }),
      );
      await checkLogOf(store, room);
    },
  }),
  roomStoreCase({
    name: 'keeps the log and the state of a room through a crash',
    postcondition: 'appendEvent 5',
    requires: ['crash'],
    async run({ store, crash }) {
      const room = await roomIn(store);
      const invitees = await room.strangers(20);
      await Promise.all(invitees.map(async (userId) => room.invite(userId, await room.basisFor(userId))));
      await room.setMembership(room.bob, 'ban');
      const [state, log] = [await store.roomState(room.id), await wholeTimeline(store, room.id)];
      const survivor = await crash();
      checkSame(byKey(await survivor.roomState(room.id)), byKey(state), 'state after the crash');
      checkSame(await wholeTimeline(survivor, room.id), log, 'log after the crash');
      await checkLogOf(survivor, room);
    },
  }),
];

/** Checks that exactly the invites that are current are in the log. */
async function checkLogOf(store: RoomStore, room: CaseRoom): Promise<void> {
  const current = (await store.roomState(room.id))?.filter(isInvite);
  const logged = (await wholeTimeline(store, room.id)).filter(isInvite);
  checkSame(byKey(logged), byKey(current), 'invites in the log');
}

async function roomIn(store: RoomStore): Promise<CaseRoom> {
  await store.migrate();
  return CaseRoom.create(storageHarnessFor(store));
}

function isInvite(event: StateEvent): boolean {
  return event.content.membership === 'invite';
}

async function racePowerLevels(store: RoomStore): Promise<void> {
  const room = await roomIn(store);
  const invitees = await room.strangers(16);
  const change = async () => {
    await wander();
    await room.setInviteLevel(100);
  };
  const invite = async (userId: string, index: number) => {
    const basis = await room.basisFor(userId);
    const level = basis.events.find(({ type }) => type === POWER_LEVELS_KEY.type)?.content.invite;
    await wander(index);
    if (level === 0) await room.invite(userId, basis);
  };
  await Promise.all([change(), ...invitees.map(invite)]);
  const log = await wholeTimeline(store, room.id);
  const overtaken = log.findIndex(({ content }) => content.invite === 100);
  checkSame(log.slice(overtaken).filter(isInvite).length, 0, 'invites after the power levels');
}
