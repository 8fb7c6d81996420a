import type { StateEvent } from '../../../src/rooms/event.ts';
import { type Anomaly, type Call, type Limit, type Logs, tagOf } from '../history.ts';

type Consumption = { readonly key: string; readonly from: number; readonly to: number };

/**
 * Finds more invites in a time shorter than a window than the limits allow.
 *
 * A window starts with a key's first invite, which the checker cannot identify. But a time shorter than a window overlaps
 * at most two windows, and only the first invite of the later one can lie in it. So it holds at most `2 × points − 1`
 * invites. The point of an invite is consumed during its call. Only calls that lie entirely within that time and have
 * an event count: every anomaly found is certain.
 */
export function exceeded(calls: readonly Call[], logs: Logs, limits: readonly Limit[]): Anomaly[] {
  return limits.flatMap((limit) => {
    const maximum = (2 * limit.points - 1) * limit.counters;
    const found: Anomaly[] = [];
    for (const [key, consumptions] of byKey(consumptionsOf(calls, logs, limit.scope))) {
      const count = maximumWithin(consumptions, limit.durationMs);
      if (count > maximum) {
        const message = `${limit.scope} ${key}: ${count} invites in ${limit.durationMs} ms, maximum ${maximum}`;
        found.push({ kind: 'limitExceeded', roomId: limit.scope === 'room' ? key : '', message });
      }
    }
    return found;
  });
}

function consumptionsOf(calls: readonly Call[], { rooms }: Logs, scope: Limit['scope']): Consumption[] {
  const byTag = new Map<string, Call>();
  // The event can belong to any of several identical calls, which share a tag.
  const shared = new Set<string>();
  for (const call of calls) {
    const tag = tagOf(call.content) ?? '';
    if (call.kind !== 'invite') continue;
    if (byTag.has(tag)) shared.add(tag);
    byTag.set(tag, call);
  }
  return rooms.flatMap(({ events }) =>
    events.flatMap((event) => {
      const tag = tagOf(event.content) ?? '';
      const call = byTag.get(tag);
      if (call === undefined || shared.has(tag)) return [];
      return [{ key: keyOf(event, scope), from: call.sentAt, to: call.endedAt }];
    }),
  );
}

function keyOf({ room_id, sender, state_key }: StateEvent, scope: Limit['scope']): string {
  if (scope === 'room') return room_id;
  return scope === 'inviter' ? sender : state_key;
}

function byKey(consumptions: readonly Consumption[]): Map<string, Consumption[]> {
  const groups = new Map<string, Consumption[]>();
  for (const consumption of consumptions)
    groups.set(consumption.key, [...(groups.get(consumption.key) ?? []), consumption]);
  return groups;
}

function maximumWithin(consumptions: readonly Consumption[], durationMs: number): number {
  const sorted = [...consumptions].sort((one, other) => one.from - other.from);
  let maximum = 0;
  for (const [index, { from: start }] of sorted.entries()) {
    let count = 0;
    for (let i = index; i < sorted.length; i += 1) {
      const { from, to } = sorted[i] as Consumption;
      if (from >= start + durationMs) break;
      if (to < start + durationMs) count += 1;
    }
    maximum = Math.max(maximum, count);
  }
  return maximum;
}
