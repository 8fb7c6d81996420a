import type { StateEvent } from '../../../src/rooms/event.ts';
import { type Anomaly, type Call, type Limit, type Logs, tagOf } from '../history.ts';

type Debit = { readonly key: string; readonly from: number; readonly to: number };

/**
 * Looks for more invites in a time shorter than a window than the limits let through.
 *
 * A window starts with a key's first invite, which the checker does not see; but a time shorter than a window
 * touches two at most, and only the later one's first invite can lie in it: so it holds `2 × points − 1` invites at
 * most. The debit of an invite lies within its call. Only those calls are counted that lie within the time as a
 * whole, and only those that have an event: whatever is found has happened.
 */
export function exceeded(calls: readonly Call[], logs: Logs, limits: readonly Limit[]): Anomaly[] {
  return limits.flatMap((limit) => {
    const most = (2 * limit.points - 1) * limit.counts;
    const found: Anomaly[] = [];
    for (const [key, debits] of byKey(debitsOf(calls, logs, limit.scope))) {
      const count = mostWithin(debits, limit.durationMs);
      if (count > most) {
        const text = `${limit.scope} ${key}: ${count} invites in ${limit.durationMs} ms, where ${most} are the most`;
        found.push({ kind: 'limitExceeded', roomId: limit.scope === 'room' ? key : '', text });
      }
    }
    return found;
  });
}

function debitsOf(calls: readonly Call[], { rooms }: Logs, scope: Limit['scope']): Debit[] {
  const byTag = new Map<string, Call>();
  // Of several calls with one tag, which are the same word for word, the event may be the one's or the other's.
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

function byKey(debits: readonly Debit[]): Map<string, Debit[]> {
  const groups = new Map<string, Debit[]>();
  for (const debit of debits) groups.set(debit.key, [...(groups.get(debit.key) ?? []), debit]);
  return groups;
}

function mostWithin(debits: readonly Debit[], durationMs: number): number {
  const sorted = [...debits].sort((one, other) => one.from - other.from);
  let most = 0;
  for (const [index, { from: start }] of sorted.entries()) {
    let count = 0;
    for (let i = index; i < sorted.length; i += 1) {
      const { from, to } = sorted[i] as Debit;
      if (from >= start + durationMs) break;
      if (to < start + durationMs) count += 1;
    }
    most = Math.max(most, count);
  }
  return most;
}
