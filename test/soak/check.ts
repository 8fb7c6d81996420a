import { Attribution } from './check/attribution.ts';
import { unexplained, unexplainedWithoutRoom } from './check/explain.ts';
import { exceeded } from './check/limits.ts';
import { Moments } from './check/moments.ts';
import { badNotices } from './check/notices.ts';
import { badInvites, badOrder, badState, missingChanges } from './check/replay.ts';
import { died, tooSlow, unexpectedResponses } from './check/responses.ts';
import { RoomStates } from './check/room-states.ts';
import type { Anomaly, Call, CheckConfig, History, Logs, Notice, RoomLog } from './history.ts';

/**
 * Compares the responses that callers got with the store's logs. The log of a room is the order in which everything
 * happened there. The history must contain every call to the rooms of the logs. Each anomaly is a bug: the config
 * leaves no other explanation.
 */
export function check(history: History, logs: Logs, config: CheckConfig): Anomaly[] {
  const calls = byRoom(history.calls);
  const notices = byRoom(logs.notices);
  const rooms = new Set(logs.rooms.map(({ roomId }) => roomId));
  return [
    ...logs.rooms.flatMap((log) =>
      checkRoom(log, calls.get(log.roomId) ?? [], notices.get(log.roomId) ?? [], config),
    ),
    ...unexplainedWithoutRoom(history.calls.filter(({ roomId }) => !rooms.has(roomId))),
    ...exceeded(history.calls, logs, config.limits),
    ...tooSlow(history, config),
    ...unexpectedResponses(history.calls, config),
    ...died(history),
  ];
}

function checkRoom(
  log: RoomLog,
  calls: readonly Call[],
  notices: readonly Notice[],
  config: CheckConfig,
): Anomaly[] {
  const states = new RoomStates(log);
  const attribution = new Attribution(log, calls);
  const moments = new Moments(attribution.bounds());
  return [
    ...attribution.anomalies(config),
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
