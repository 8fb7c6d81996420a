import { isDeepStrictEqual } from 'node:util';
import type { StateEvent } from '../../../src/rooms/event.ts';
import { type Anomaly, type Call, type RoomLog, type Settings, tagOf } from '../history.ts';
import type { Bounds } from './moments.ts';

/** The calls that share a tag, and the events that bear it. */
export type Group = { readonly calls: Call[]; readonly events: StateEvent[] };

/** Finds out which calls made which events of a room. */
export class Attribution {
  readonly #groups = new Map<string, Group>();
  readonly #log: RoomLog;

  constructor(log: RoomLog, calls: readonly Call[]) {
    this.#log = log;
    for (const call of calls) this.#group(tagOf(call.content)).calls.push(call);
    for (const event of log.events) this.#group(tagOf(event.content)).events.push(event);
  }

  /** The calls and events with the tag of a content. */
  groupOf(content: StateEvent['content']): Group {
    return this.#group(tagOf(content));
  }

  /** What bounds the commit of each event of the log. */
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

  /** Events that nobody asked for, that more events than calls came of, or that came of refused calls. */
  anomalies({ outcomesCanBeUnknown }: Settings): Anomaly[] {
    const { roomId } = this.#log;
    const found: Anomaly[] = [];
    for (const { calls, events } of this.#groups.values()) {
      for (const event of events) found.push(...misfits(roomId, event, calls));
      if (calls.length === 0) continue;
      // A call whose append had an unknown outcome reads again; if the invitee has come and gone meanwhile, its
      // next append is a second invite that is allowed. It is judged by the state before it, as every invite is.
      const mayRepeat = outcomesCanBeUnknown && calls.some(({ kind }) => kind === 'invite');
      if (events.length > calls.length && !mayRepeat) {
        found.push({
          kind: 'doubled',
          roomId,
          text: `${events.length} events of ${calls.length} calls: ${idsOf(calls)}`,
        });
      }
      // Likewise a refusal may be told after an append of the same call whose outcome was unknown.
      if (events.length > 0 && calls.every(isRefused) && !mayRepeat) {
        found.push({
          kind: 'refusedButStored',
          roomId,
          text: `call ${idsOf(calls)} has event ${events[0]?.event_id}`,
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
 * When at the latest a call's event was committed. A definite answer comes after it, also where it is a refusal: it
 * is then told of a state that a still waiting append of the call cannot be based on any more.
 */
function latestCommit({ kind, answer, endedAt }: Call): number {
  if (answer === undefined || answer.status >= 500) return Number.POSITIVE_INFINITY;
  return kind === 'invite' || answer.status === 200 ? endedAt : Number.POSITIVE_INFINITY;
}

function misfits(roomId: string, event: StateEvent, calls: readonly Call[]): Anomaly[] {
  const { event_id, sender, type, state_key, content } = event;
  const asked = calls.filter(
    (call) =>
      call.key.type === type && call.key.state_key === state_key && isDeepStrictEqual(call.content, content),
  );
  if (asked.length === 0) {
    return [{ kind: 'foreignEvent', roomId, text: `nobody asked for ${event_id}` }];
  }
  if (!asked.some((call) => call.sender === sender)) {
    return [{ kind: 'foreignSender', roomId, text: `${event_id} is by ${sender}, not ${asked[0]?.sender}` }];
  }
  return [];
}

function isRefused({ answer }: Call): boolean {
  return answer !== undefined && answer.status >= 400 && answer.status < 500;
}

function idsOf(calls: readonly Call[]): string {
  return calls.map(({ id }) => id).join(', ');
}
