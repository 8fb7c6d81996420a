import { isDeepStrictEqual } from 'node:util';
import type { StateEvent } from '../../../src/rooms/event.ts';
import { type Anomaly, type Call, type CheckConfig, type RoomLog, tagOf } from '../history.ts';
import type { Bounds } from './moments.ts';

/** The calls that share a tag, and the events with that tag. */
export type Group = { readonly calls: Call[]; readonly events: StateEvent[] };

/** Determines which calls stored which events of a room. */
export class Attribution {
  readonly #groups = new Map<string, Group>();
  readonly #log: RoomLog;

  constructor(log: RoomLog, calls: readonly Call[]) {
    this.#log = log;
    for (const call of calls) this.#group(tagOf(call.content)).calls.push(call);
    for (const event of log.events) this.#group(tagOf(event.content)).events.push(event);
  }

  /** Returns the calls and events with the tag of a content. */
  groupOf(content: StateEvent['content']): Group {
    return this.#group(tagOf(content));
  }

  /** Returns the bounds for the commit of each event of the log. */
  bounds(): Bounds[] {
    return this.#log.events.map((event) => {
      const { calls } = this.groupOf(event.content);
      if (calls.length === 0) return { earliest: Number.NEGATIVE_INFINITY, latest: Number.POSITIVE_INFINITY };
      return {
        earliest: Math.min(...calls.map(({ sentAt }) => sentAt)),
        latest: Math.max(...calls.map(latestCommit)),
      };
    });
  }

  /** Finds events that no call requested, more events than calls, and events of refused calls. */
  anomalies({ outcomesCanBeUnknown }: CheckConfig): Anomaly[] {
    const { roomId } = this.#log;
    const found: Anomaly[] = [];
    for (const { calls, events } of this.#groups.values()) {
      for (const event of events) found.push(...mismatches(roomId, event, calls));
      if (calls.length === 0) continue;
      // A call whose append had an unknown outcome reads again. If the invitee has joined and left meanwhile, its
      // next append is a second, allowed invite. Like every invite, it is checked against the state before it.
      const mayRepeat = outcomesCanBeUnknown && calls.some(({ kind }) => kind === 'invite');
      if (events.length > calls.length && !mayRepeat) {
        found.push({
          kind: 'doubled',
          roomId,
          message: `${events.length} events of ${calls.length} calls: ${idsOf(calls)}`,
        });
      }
      // For the same reason, a call can be refused after an append whose outcome was unknown.
      if (events.length > 0 && calls.every(isRefused) && !mayRepeat) {
        found.push({
          kind: 'refusedButStored',
          roomId,
          message: `refused call ${idsOf(calls)} stored event ${events[0]?.event_id}`,
        });
      }
    }
    return found;
  }

  #group(tag: string | undefined): Group {
    const key = tag ?? '';
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group: Group = { calls: [], events: [] };
    this.#groups.set(key, group);
    return group;
  }
}

/**
 * Returns the latest time at which a call's event was committed. A definite response comes after the commit, even if it
 * is a refusal: it is then based on a state that makes a still waiting append of the same call stale.
 */
function latestCommit({ kind, response, endedAt }: Call): number {
  if (response === undefined || response.status >= 500) return Number.POSITIVE_INFINITY;
  return kind === 'invite' || response.status === 200 ? endedAt : Number.POSITIVE_INFINITY;
}

function mismatches(roomId: string, event: StateEvent, calls: readonly Call[]): Anomaly[] {
  const { event_id, sender, type, state_key, content } = event;
  const requested = calls.filter(
    (call) =>
      call.key.type === type && call.key.state_key === state_key && isDeepStrictEqual(call.content, content),
  );
  if (requested.length === 0) {
    return [{ kind: 'foreignEvent', roomId, message: `no call requested ${event_id}` }];
  }
  if (!requested.some((call) => call.sender === sender)) {
    return [
      {
        kind: 'foreignSender',
        roomId,
        message: `${event_id} was sent by ${sender}, not ${requested[0]?.sender}`,
      },
    ];
  }
  return [];
}

function isRefused({ response }: Call): boolean {
  return response !== undefined && response.status >= 400 && response.status < 500;
}

function idsOf(calls: readonly Call[]): string {
  return calls.map(({ id }) => id).join(', ');
}
