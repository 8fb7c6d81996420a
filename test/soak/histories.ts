import { refusedByRoom } from '../../src/invite/refusals.ts';
import type { JsonObject, StateEvent, StateKey } from '../../src/rooms/event.ts';
import { check } from './check.ts';
import type { Anomaly, AnomalyKind, Answer, Call, History, Notice, Settings } from './history.ts';

const ROOM = '!room:example.org';
export const ALICE = '@alice:example.org';
export const BOB = '@bob:example.org';
export const CAROL = '@carol:example.org';

const member = (userId: string): StateKey => ({ type: 'm.room.member', state_key: userId });
const POWER: StateKey = { type: 'm.room.power_levels', state_key: '' };

/** When a call was sent, and when it ended. */
type Span = readonly [sentAt: number, endedAt: number];

const OK: Answer = { status: 200 };
export const FAILED: Answer = {
  status: 503,
  errcode: 'M_UNKNOWN',
  text: 'The server cannot process this request right now',
};
/** The connection ended before an answer came. */
export const BROKEN = 'broken';

/** What the router answers for a reason of the room's own. */
export function refusal(reason: Parameters<typeof refusedByRoom>[0]): Answer {
  const { status, errcode, message } = refusedByRoom(reason, true);
  return { status, errcode, text: message };
}

/** A history under the pen: calls and the log of one room, which Alice created and has joined. */
export class Script {
  readonly calls: Call[] = [];
  readonly events: StateEvent[] = [];
  readonly notices: Notice[] = [];
  readonly pauses: History['pauses'][number][] = [];
  readonly deaths: History['deaths'][number][] = [];
  /** Told instead of what the log adds up to. */
  state: StateEvent[] | undefined;
  readonly settings: Settings = {
    deadlineMs: 2_000,
    graceMs: 1_000,
    outcomesCanBeUnknown: true,
    limits: [],
  };
  readonly #initial: StateEvent[] = [
    event('$create', ALICE, { type: 'm.room.create', state_key: '' }, { room_version: '11' }),
    event('$alice', ALICE, member(ALICE), { membership: 'join' }),
  ];

  /** An invite by Alice, unless said otherwise; its event is stored by {@link Script.store}. */
  invite(userId: string, [sentAt, endedAt]: Span, told: Answer | typeof BROKEN = OK, sender = ALICE): Call {
    const id = this.calls.length + 1;
    const content = { membership: 'invite', reason: `tag ${id}` };
    const answer = told === BROKEN ? undefined : told;
    return this.#called({
      id,
      kind: 'invite',
      sender,
      key: member(userId),
      content,
      sentAt,
      endedAt,
      answer,
    });
  }

  /** The same request again. */
  repeat(call: Call, [sentAt, endedAt]: Span, told: Answer | typeof BROKEN = OK): Call {
    const answer = told === BROKEN ? undefined : told;
    return this.#called({ ...call, id: this.calls.length + 1, sentAt, endedAt, answer });
  }

  /** A change of a membership by the host, stored at once. */
  member(userId: string, membership: string, span: Span, sender = userId): Call {
    const call = this.put(member(userId), { membership }, span, sender);
    this.store(call);
    return call;
  }

  /** A change of the power levels by the host, stored at once. */
  power(content: JsonObject, span: Span): Call {
    const call = this.put(POWER, content, span, ALICE);
    this.store(call);
    return call;
  }

  /** A change by the host; its event, if it has one, is `$<id>`. */
  put(key: StateKey, change: JsonObject, [sentAt, endedAt]: Span, sender: string, answered = true): Call {
    const id = this.calls.length + 1;
    const content = { ...change, tag: `tag ${id}` };
    const answer = answered ? { status: 200, eventId: `$${id}` } : undefined;
    return this.#called({ id, kind: 'put', sender, key, content, sentAt, endedAt, answer });
  }

  /** The event of a call is next in the log. */
  store(call: Call, changes: Partial<StateEvent> = {}): StateEvent {
    const stored = { ...event(`$${call.id}`, call.sender, call.key, call.content), ...changes };
    this.events.push(stored);
    return stored;
  }

  told(eventId: string): void {
    this.notices.push({ worker: 0, roomId: ROOM, eventId });
  }

  anomalies(settings: Partial<Settings> = {}): Anomaly[] {
    const all = [...this.#initial, ...this.events];
    const current = new Map(all.map((each) => [`${each.type} ${each.state_key}`, each]));
    const room = {
      roomId: ROOM,
      initial: this.#initial,
      events: this.events,
      state: this.state ?? [...current.values()],
    };
    const { calls, pauses, deaths, notices } = this;
    return check({ calls, pauses, deaths }, { rooms: [room], notices }, { ...this.settings, ...settings });
  }

  kinds(settings: Partial<Settings> = {}): AnomalyKind[] {
    return this.anomalies(settings).map(({ kind }) => kind);
  }

  #called(call: Omit<Call, 'worker' | 'roomId'>): Call {
    const whole = { worker: 0, roomId: ROOM, ...call };
    this.calls.push(whole);
    return whole;
  }
}

function event(event_id: string, sender: string, key: StateKey, content: JsonObject): StateEvent {
  return { event_id, room_id: ROOM, ...key, sender, origin_server_ts: 1, content };
}
