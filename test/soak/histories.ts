import { refusedByRoom } from '../../src/invite/refusals.ts';
import type { JsonObject, StateEvent, StateKey } from '../../src/rooms/event.ts';
import { check } from './check.ts';
import type { Anomaly, AnomalyKind, Call, CallResponse, CheckConfig, History, Notice } from './history.ts';

const ROOM = '!room:example.org';
export const ALICE = '@alice:example.org';
export const BOB = '@bob:example.org';
export const CAROL = '@carol:example.org';

const member = (userId: string): StateKey => ({ type: 'm.room.member', state_key: userId });
const POWER: StateKey = { type: 'm.room.power_levels', state_key: '' };

/** The times at which a call was sent and ended. */
type Span = readonly [sentAt: number, endedAt: number];

const OK: CallResponse = { status: 200 };
export const FAILED: CallResponse = {
  status: 503,
  errcode: 'M_UNKNOWN',
  message: 'The server cannot process this request right now',
};
/** The connection ended before a response arrived. */
export const BROKEN = 'broken';

/** Returns the response of the router to a refusal by the room. */
export function roomRefusal(reason: Parameters<typeof refusedByRoom>[0]): CallResponse {
  const { status, errcode, message } = refusedByRoom(reason, true);
  return { status, errcode, message };
}

/** A history to build: calls and the log of one room, which Alice created and has joined. */
export class Script {
  readonly calls: Call[] = [];
  readonly events: StateEvent[] = [];
  readonly notices: Notice[] = [];
  readonly pauses: History['pauses'][number][] = [];
  readonly deaths: History['deaths'][number][] = [];
  /** Replaces the current state that results from the log. */
  state: StateEvent[] | undefined;
  readonly config: CheckConfig = {
    deadlineMs: 2_000,
    graceMs: 1_000,
    outcomesCanBeUnknown: true,
    limits: [],
  };
  readonly #initial: StateEvent[] = [
    event('$create', ALICE, { type: 'm.room.create', state_key: '' }, { room_version: '11' }),
    event('$alice', ALICE, member(ALICE), { membership: 'join' }),
  ];

  /** Adds an invite, by default from Alice. {@link Script.store} stores its event. */
  invite(
    userId: string,
    [sentAt, endedAt]: Span,
    result: CallResponse | typeof BROKEN = OK,
    sender = ALICE,
  ): Call {
    const id = this.calls.length + 1;
    const content = { membership: 'invite', reason: `tag ${id}` };
    const response = result === BROKEN ? undefined : result;
    return this.#add({
      id,
      kind: 'invite',
      sender,
      key: member(userId),
      content,
      sentAt,
      endedAt,
      response,
    });
  }

  /** Adds an identical request. */
  repeat(call: Call, [sentAt, endedAt]: Span, result: CallResponse | typeof BROKEN = OK): Call {
    const response = result === BROKEN ? undefined : result;
    return this.#add({ ...call, id: this.calls.length + 1, sentAt, endedAt, response });
  }

  /** Adds a change of a membership by the host app, and stores it. */
  member(userId: string, membership: string, span: Span, sender = userId): Call {
    const call = this.put(member(userId), { membership }, span, sender);
    this.store(call);
    return call;
  }

  /** Adds a change of the power levels by the host app, and stores it. */
  power(content: JsonObject, span: Span): Call {
    const call = this.put(POWER, content, span, ALICE);
    this.store(call);
    return call;
  }

  /** Adds a change by the host app. If it is acknowledged, its event is `$<id>`. */
  put(
    key: StateKey,
    change: JsonObject,
    [sentAt, endedAt]: Span,
    sender: string,
    isAcknowledged = true,
  ): Call {
    const id = this.calls.length + 1;
    const content = { ...change, tag: `tag ${id}` };
    const response = isAcknowledged ? { status: 200, eventId: `$${id}` } : undefined;
    return this.#add({ id, kind: 'put', sender, key, content, sentAt, endedAt, response });
  }

  /** Appends the event of a call to the log. */
  store(call: Call, changes: Partial<StateEvent> = {}): StateEvent {
    const stored = { ...event(`$${call.id}`, call.sender, call.key, call.content), ...changes };
    this.events.push(stored);
    return stored;
  }

  /** Adds a call of `onInvite`. */
  notify(eventId: string): void {
    this.notices.push({ worker: 0, roomId: ROOM, eventId });
  }

  anomalies(config: Partial<CheckConfig> = {}): Anomaly[] {
    const all = [...this.#initial, ...this.events];
    const current = new Map(all.map((each) => [`${each.type} ${each.state_key}`, each]));
    const room = {
      roomId: ROOM,
      initial: this.#initial,
      events: this.events,
      state: this.state ?? [...current.values()],
    };
    const { calls, pauses, deaths, notices } = this;
    return check({ calls, pauses, deaths }, { rooms: [room], notices }, { ...this.config, ...config });
  }

  kinds(config: Partial<CheckConfig> = {}): AnomalyKind[] {
    return this.anomalies(config).map(({ kind }) => kind);
  }

  #add(call: Omit<Call, 'worker' | 'roomId'>): Call {
    const whole = { worker: 0, roomId: ROOM, ...call };
    this.calls.push(whole);
    return whole;
  }
}

function event(event_id: string, sender: string, key: StateKey, content: JsonObject): StateEvent {
  return { event_id, room_id: ROOM, ...key, sender, origin_server_ts: 1, content };
}
