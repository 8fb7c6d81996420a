import type { Anomaly, Notice, RoomLog } from '../history.ts';
import type { Attribution } from './attribution.ts';

/**
 * Finds events that `onInvite` received but that are not in the log, or that it received more than once. A call of
 * `onInvite` can be lost with a killed process, so a missing one proves nothing. After an unknown outcome, identical
 * calls cannot tell which of them stored an event: each of them may report it once.
 */
export function badNotices(
  { roomId, events }: RoomLog,
  attribution: Attribution,
  notices: readonly Notice[],
): Anomaly[] {
  const stored = new Map(events.map((event) => [event.event_id, event]));
  const times = new Map<string, number>();
  for (const { eventId } of notices) times.set(eventId, (times.get(eventId) ?? 0) + 1);
  const found: Anomaly[] = [];
  for (const [eventId, count] of times) {
    const event = stored.get(eventId);
    if (event === undefined) {
      found.push({
        kind: 'acknowledgedMissing',
        roomId,
        message: `onInvite received ${eventId}, which is not stored`,
      });
      continue;
    }
    if (count > attribution.groupOf(event.content).calls.length) {
      found.push({ kind: 'notifiedTwice', roomId, message: `onInvite received ${eventId} ${count} times` });
    }
  }
  return found;
}
