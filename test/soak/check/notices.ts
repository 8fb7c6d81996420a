import type { Anomaly, Notice, RoomLog } from '../history.ts';
import type { Attribution } from './attribution.ts';

/**
 * What `onInvite` was told of must be in the log, and is told once; it may be lost (a killed process), so silence
 * proves nothing. Calls that are the same word for word cannot tell whose event it is after an unknown outcome:
 * each of them may tell of it once.
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
      found.push({ kind: 'acknowledgedMissing', roomId, text: `onInvite was told of ${eventId}` });
      continue;
    }
    if (count > attribution.groupOf(event.content).calls.length) {
      found.push({ kind: 'toldTwice', roomId, text: `onInvite was told of ${eventId} ${count} times` });
    }
  }
  return found;
}
