import type { RateLimitScope } from '../../src/ports/rate-limit.ts';
import type { JsonObject, StateEvent, StateKey } from '../../src/rooms/event.ts';

// All times are milliseconds of one clock: the driver's.

/** A call as the driver saw it. */
export type Call = {
  readonly id: number;
  /** `invite`: the endpoint. `put`: a change by the host app itself, through `putState`. */
  readonly kind: 'invite' | 'put';
  readonly worker: number;
  readonly roomId: string;
  /** For an invite, the requester. */
  readonly sender: string;
  /** For an invite, the invitee's member key. */
  readonly key: StateKey;
  /** The content of the event, if the call stores one. It includes the tag: see {@link tagOf}. */
  readonly content: JsonObject;
  readonly sentAt: number;
  readonly endedAt: number;
  /** `undefined`: the connection ended before a response arrived. */
  readonly response: CallResponse | undefined;
};

export type CallResponse = {
  readonly status: number;
  readonly errcode?: string;
  /** The `error` of the response. */
  readonly message?: string;
  /** For a `put`. */
  readonly eventId?: string;
};

/** A time in which a worker could not respond: paused by a signal or, for all workers, because the driver was paused. */
export type Pause = { readonly worker: number | 'all'; readonly from: number; readonly to: number };

/** A worker that exited on its own. */
export type Death = { readonly worker: number; readonly at: number };

export type History = {
  readonly calls: readonly Call[];
  readonly pauses: readonly Pause[];
  readonly deaths: readonly Death[];
};

/** A call of `onInvite`. */
export type Notice = { readonly worker: number; readonly roomId: string; readonly eventId: string };

/** The contents of the store for one room at the end of a round. */
export type RoomLog = {
  readonly roomId: string;
  /** The state that the room was created with, before the first call. */
  readonly initial: readonly StateEvent[];
  /** The later events, in the store's order. */
  readonly events: readonly StateEvent[];
  /** The current state events that `roomState` returns. */
  readonly state: readonly StateEvent[];
};

export type Logs = { readonly rooms: readonly RoomLog[]; readonly notices: readonly Notice[] };

/** A limit on the invites of a run. */
export type Limit = {
  readonly scope: Exclude<RateLimitScope, 'attempt'>;
  readonly points: number;
  readonly durationMs: number;
  /**
   * The maximum number of counters per key. One if all processes share a store that never failed; one more for each
   * process that counted on its own, and for each time that the store lost its counts.
   */
  readonly counters: number;
};

export type CheckConfig = {
  /** The deadline of the router. */
  readonly deadlineMs: number;
  /** The time that a call may take beyond the deadline. */
  readonly graceMs: number;
  /** Whether the outcome of an append can be unknown to the store, after a broken connection. */
  readonly outcomesCanBeUnknown: boolean;
  readonly limits: readonly Limit[];
};

export type AnomalyKind =
  /** Acknowledged as stored, to the caller or to `onInvite`, but not in the log. */
  | 'acknowledgedMissing'
  /** A 200 for an invite that was neither stored by the call nor pending at any time during it. */
  | 'respondedWithoutEvent'
  /** An invite of an already invited user, or more events than calls that can have stored them. */
  | 'doubled'
  /** An invite that the state right before it does not allow. */
  | 'staleBasis'
  /** A refusal that no state during the call explains. */
  | 'unexplainedRefusal'
  /** A refused call that stored its event nevertheless. */
  | 'refusedButStored'
  /** A log whose order contradicts the order in which calls ended and started. */
  | 'realTimeOrder'
  /** An event whose sender is not that of its call. */
  | 'foreignSender'
  /** An event that no call requested. */
  | 'foreignEvent'
  /** A current state that does not result from the log. */
  | 'stateDiffersFromLog'
  | 'limitExceeded'
  | 'tooSlow'
  | 'notifiedTwice'
  /** A status that no fault explains. */
  | 'unexpectedResponse'
  /** A worker that exited on its own. */
  | 'workerDied';

export type Anomaly = { readonly kind: AnomalyKind; readonly roomId: string; readonly message: string };

/** Returns the tag that links an event to the calls that can have stored it. Only identical requests share one. */
export function tagOf(content: JsonObject): string | undefined {
  const tag = content.reason ?? content.tag;
  return typeof tag === 'string' ? tag : undefined;
}
