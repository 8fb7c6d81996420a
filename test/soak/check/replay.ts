import { isDeepStrictEqual } from 'node:util';
import type { StateEvent } from '../../../src/rooms/event.ts';
import { decideInvite, inviteStateKeys } from '../../../src/rooms/invite-rule.ts';
import type { Anomaly, Call, RoomLog } from '../history.ts';
import type { Moments } from './moments.ts';
import type { RoomStates } from './room-states.ts';

/** Decides each invite of the log again, on the state right before it: its own commit must not have been too late. */
export function badInvites({ roomId, events }: RoomLog, states: RoomStates): Anomaly[] {
  const found: Anomaly[] = [];
  for (const [before, event] of events.entries()) {
    if (event.type !== 'm.room.member' || event.content.membership !== 'invite') continue;
    const current = states.at(before, inviteStateKeys(event.sender, event.state_key));
    const verdict = decideInvite(current, event.sender, event.state_key);
    if (verdict.decision === 'allowed') continue;
    const where = `event ${before + 1}, ${event.event_id}, ${event.sender} invites ${event.state_key}`;
    if (verdict.decision === 'alreadyInvited') {
      found.push({ kind: 'doubled', roomId, text: `${where}, after ${verdict.invite.event_id}` });
    } else {
      found.push({ kind: 'overtakenBasis', roomId, text: `${where}: ${JSON.stringify(verdict)}` });
    }
  }
  return found;
}

/** Events that stand behind another although their call was over before the other's began. */
export function badOrder({ roomId, events }: RoomLog, moments: Moments): Anomaly[] {
  return moments.impossible().map((n) => ({
    kind: 'realTimeOrder',
    roomId,
    text: `event ${n}, ${events[n - 1]?.event_id}, was answered at ${moments.latest(n)} or earlier, and stands behind one that was sent at ${moments.earliest(n)}`,
  }));
}

/** The current state is what the log adds up to. */
export function badState({ roomId, state }: RoomLog, states: RoomStates): Anomaly[] {
  if (isDeepStrictEqual(byId(state), byId(states.final()))) return [];
  return [{ kind: 'stateDiffersFromLog', roomId, text: `${state.length} current events` }];
}

/** Changes by `putState` that were acknowledged with an event that is not there. */
export function missingChanges({ roomId, events }: RoomLog, calls: readonly Call[]): Anomaly[] {
  const stored = new Set(events.map(({ event_id }) => event_id));
  return calls
    .filter(
      ({ kind, answer }) => kind === 'put' && answer?.status === 200 && !stored.has(answer.eventId ?? ''),
    )
    .map(({ id, answer }) => ({
      kind: 'acknowledgedMissing',
      roomId,
      text: `call ${id} was answered with ${answer?.eventId}`,
    }));
}

function byId(events: readonly StateEvent[]): Map<string, StateEvent> {
  return new Map(events.map((event) => [event.event_id, event]));
}
