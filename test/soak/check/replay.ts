import { isDeepStrictEqual } from 'node:util';
import type { StateEvent } from '../../../src/rooms/event.ts';
import { decideInvite, inviteStateKeys } from '../../../src/rooms/invite-rule.ts';
import type { Anomaly, Call, RoomLog } from '../history.ts';
import type { Moments } from './moments.ts';
import type { RoomStates } from './room-states.ts';

/** Decides each invite of the log again, on the state right before it: it must not have been stale at its commit. */
export function badInvites({ roomId, events }: RoomLog, states: RoomStates): Anomaly[] {
  const found: Anomaly[] = [];
  for (const [before, event] of events.entries()) {
    if (event.type !== 'm.room.member' || event.content.membership !== 'invite') continue;
    const current = states.at(before, inviteStateKeys(event.sender, event.state_key));
    const verdict = decideInvite(current, event.sender, event.state_key);
    if (verdict.decision === 'allowed') continue;
    const where = `event ${before + 1}, ${event.event_id}, ${event.sender} invites ${event.state_key}`;
    if (verdict.decision === 'alreadyInvited') {
      found.push({ kind: 'doubled', roomId, message: `${where}, after ${verdict.invite.event_id}` });
    } else {
      found.push({ kind: 'staleBasis', roomId, message: `${where}: ${JSON.stringify(verdict)}` });
    }
  }
  return found;
}

/** Finds events that come after another one although their call ended before the other's call started. */
export function badOrder({ roomId, events }: RoomLog, moments: Moments): Anomaly[] {
  return moments.impossible().map((n) => ({
    kind: 'realTimeOrder',
    roomId,
    message: `event ${n}, ${events[n - 1]?.event_id}, was stored at ${moments.latest(n)} or earlier, but comes after one that was sent at ${moments.earliest(n)}`,
  }));
}

/** Checks that the current state consists of the latest event of each key in the log. */
export function badState({ roomId, state }: RoomLog, states: RoomStates): Anomaly[] {
  if (isDeepStrictEqual(byId(state), byId(states.final()))) return [];
  return [
    {
      kind: 'stateDiffersFromLog',
      roomId,
      message: `the ${state.length} current events are not the latest of their keys in the log`,
    },
  ];
}

/** Finds changes by `putState` that were acknowledged with an event that is not stored. */
export function missingChanges({ roomId, events }: RoomLog, calls: readonly Call[]): Anomaly[] {
  const stored = new Set(events.map(({ event_id }) => event_id));
  return calls
    .filter(
      ({ kind, response }) =>
        kind === 'put' && response?.status === 200 && !stored.has(response.eventId ?? ''),
    )
    .map(({ id, response }) => ({
      kind: 'acknowledgedMissing',
      roomId,
      message: `call ${id} returned ${response?.eventId}, which is not stored`,
    }));
}

function byId(events: readonly StateEvent[]): Map<string, StateEvent> {
  return new Map(events.map((event) => [event.event_id, event]));
}
