import { died, tooSlow, unexpectedAnswers } from './check/answers.ts';
import { Attribution } from './check/attribution.ts';
import { unexplained, unexplainedWithoutRoom } from './check/explain.ts';
import { exceeded } from './check/limits.ts';
import { Moments } from './check/moments.ts';
import { badNotices } from './check/notices.ts';
import { badInvites, badOrder, badState, missingChanges } from './check/replay.ts';
import { RoomStates } from './check/room-states.ts';
import type { Anomaly, Call, History, Logs, Notice, RoomLog, Settings } from './history.ts';

/**
 * Holds what callers were told against the store's logs, each room's log being the order in which everything
 * happened there. It is given all that happened in the rooms of the logs; what it finds has no innocent explanation
 * under the settings.
 */
export function check(history: History, logs: Logs, settings: Settings): Anomaly[] {
  const calls = byRoom(history.calls);
  const notices = byRoom(logs.notices);
  const rooms = new Set(logs.rooms.map(({ roomId }) => roomId));
  return [
    ...logs.rooms.flatMap((log) =>
      checkRoom(log, calls.get(log.roomId) ?? [], notices.get(log.roomId) ?? [], settings),
    ),
    ...unexplainedWithoutRoom(history.calls.filter(({ roomId }) => !rooms.has(roomId))),
    ...exceeded(history.calls, logs, settings.limits),
    ...tooSlow(history, settings),
    ...unexpectedAnswers(history.calls, settings),
    ...died(history),
  ];
}

function checkRoom(
  log: RoomLog,
  calls: readonly Call[],
  notices: readonly Notice[],
  settings: Settings,
): Anomaly[] {
  const states = new RoomStates(log);
  const attribution = new Attribution(log, calls);
  const moments = new Moments(attribution.bounds());
  return [
    ...attribution.anomalies(settings),
    ...badOrder(log, moments),
    ...badInvites(log, states),
    ...badState(log, states),
    ...missingChanges(log, calls),
    ...badNotices(log, attribution, notices),
    ...unexplained(states, moments, calls),
  ];
}

function byRoom<T extends { readonly roomId: string }>(items: readonly T[]): Map<string, T[]> {
  const rooms = new Map<string, T[]>();
  for (const item of items) {
    const known = rooms.get(item.roomId);
    if (known === undefined) rooms.set(item.roomId, [item]);
    else known.push(item);
  }
  return rooms;
}
