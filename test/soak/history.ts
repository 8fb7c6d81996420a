import type { RateLimitScope } from '../../src/ports/rate-limit.ts';
import type { JsonObject, StateEvent, StateKey } from '../../src/rooms/event.ts';

// All times are milliseconds of one clock: the driver's.

/** One call that the driver made, as the driver saw it. */
export type Call = {
  readonly id: number;
  /** `invite`: the product's endpoint. `put`: a change by the host itself, through `putState`. */
  readonly kind: 'invite' | 'put';
  readonly worker: number;
  readonly roomId: string;
  /** For an invite the requester. */
  readonly sender: string;
  /** For an invite the invitee's member key. */
  readonly key: StateKey;
  /** What the event's content says if the call stores one. It bears the tag: see {@link tagOf}. */
  readonly content: JsonObject;
  readonly sentAt: number;
  readonly endedAt: number;
  /** `undefined`: the connection ended before an answer came. */
  readonly answer: Answer | undefined;
};

export type Answer = {
  readonly status: number;
  readonly errcode?: string;
  /** The answer's `error`. */
  readonly text?: string;
  /** Of a `put`. */
  readonly eventId?: string;
};

/** A time in which a worker could not answer: stopped by a signal, or (for all workers) the driver's own pause. */
export type Pause = { readonly worker: number | 'all'; readonly from: number; readonly to: number };

/** A worker that ended without being told to. */
export type Death = { readonly worker: number; readonly at: number };

export type History = {
  readonly calls: readonly Call[];
  readonly pauses: readonly Pause[];
  readonly deaths: readonly Death[];
};

/** A call of `onInvite`. */
export type Notice = { readonly worker: number; readonly roomId: string; readonly eventId: string };

/** What the store says of a room afterwards. */
export type RoomLog = {
  readonly roomId: string;
  /** The state that the room was created with; it was there before the first call. */
  readonly initial: readonly StateEvent[];
  /** What came later, in the store's order. */
  readonly events: readonly StateEvent[];
  /** The current state events, as `roomState` tells them. */
  readonly state: readonly StateEvent[];
};

export type Logs = { readonly rooms: readonly RoomLog[]; readonly notices: readonly Notice[] };

/** A limit on invites that came about. */
export type Limit = {
  readonly scope: Exclude<RateLimitScope, 'attempt'>;
  readonly points: number;
  readonly durationMs: number;
  /**
   * How many counts may have been in play side by side. One, where all processes share a store that never failed;
   * one more for each process that counted by itself, and for each time that the store forgot.
   */
  readonly counts: number;
};

export type Settings = {
  /** What the router was given. */
  readonly deadlineMs: number;
  /** How much longer than the deadline a call may take. */
  readonly graceMs: number;
  /** Whether a store may leave open what became of an append (its connection breaks). */
  readonly outcomesCanBeUnknown: boolean;
  readonly limits: readonly Limit[];
};

export type AnomalyKind =
  /** Told as stored (to the caller, to `onInvite`), but not in the log. */
  | 'acknowledgedMissing'
  /** A 200 for an invite, though none of its own and none pending was there at any moment of the call. */
  | 'answeredWithoutEvent'
  /** An invite where the invitee had been invited already, or more events than calls that could have made them. */
  | 'doubled'
  /** An invite which the state right before it forbids. */
  | 'overtakenBasis'
  /** A refusal that no state within the call explains. */
  | 'unexplainedRefusal'
  /** A refused call that stored its event all the same. */
  | 'refusedButStored'
  /** The log's order contradicts the order in which calls ended and began. */
  | 'realTimeOrder'
  | 'foreignSender'
  /** An event that no call asked for. */
  | 'foreignEvent'
  /** The current state is not what the log adds up to. */
  | 'stateDiffersFromLog'
  | 'limitExceeded'
  | 'tooSlow'
  | 'toldTwice'
  /** A status that none of the faults explains. */
  | 'unexpectedAnswer'
  /** A process of the host ended by itself. */
  | 'workerDied';

export type Anomaly = { readonly kind: AnomalyKind; readonly roomId: string; readonly text: string };

/**
 * What ties an event to the calls that may have made it. Calls share one only where a client repeats its request
 * word for word.
 */
export function tagOf(content: JsonObject): string | undefined {
  const tag = content.reason ?? content.tag;
  return typeof tag === 'string' ? tag : undefined;
}
