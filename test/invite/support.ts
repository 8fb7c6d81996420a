import {
  type AppendResult,
  type CallContext,
  createInviteService,
  type InviteService,
  type InviteServiceOptions,
  isMatrixError,
  type Logger,
  MatrixError,
  type NewStateEvent,
  type RateLimitAdapter,
  type RateLimitBucket,
  type RateLimitDecision,
  type Requester,
  type StateKey,
  type StateSnapshot,
  type StorageAdapter,
} from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { expect } from 'vitest';
import type { RoomStore } from '../../src/ports/storage.ts';
import type { JsonObject } from '../../src/rooms/event.ts';
import { ALICE, BOB, ROOM, seedRoom } from '../http/support.ts';

export const requester: Requester = { userId: ALICE };

/** Alice invites Bob. */
export const aliceInvitesBob = { requester, roomId: ROOM, userId: BOB };

/** Creates a service: by default on a memory store and without rate limits. */
export function serviceOn(options: Partial<InviteServiceOptions> = {}): {
  service: InviteService;
  store: MemoryStorage;
} {
  const store = new MemoryStorage();
  const service = createInviteService({
    serverName: 'example.org',
    storage: store,
    rateLimit: false,
    logger: recordedLogger(),
    ...options,
  });
  return { service, store };
}

/** Creates a store with the room of the tests that refuses every event as too large. */
export async function refusingStore(): Promise<StorageAdapter> {
  const store = new MemoryStorage();
  await seedRoom(store);
  const error = new MatrixError(413, 'M_TOO_LARGE', 'The store says no');
  return around(store, { appendEvent: async () => ({ outcome: 'refused', error }) });
}

/** Returns the MatrixError that a promise rejects with. */
export async function refusalOf(promise: Promise<unknown>): Promise<MatrixError> {
  const error: unknown = await promise.then(
    (value) => expect.fail(`resolved ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (!isMatrixError(error)) throw error;
  return error;
}

type Read = () => Promise<StateSnapshot | undefined>;
type Append = () => Promise<AppendResult>;

/** Functions that replace the calls of a store. `count` is 1 for the first call. */
export type Interference = {
  readState?(read: Read, count: number, keys: readonly StateKey[], context: CallContext): ReturnType<Read>;
  appendEvent?(
    append: Append,
    count: number,
    event: NewStateEvent,
    context: CallContext,
    basis: StateSnapshot,
  ): ReturnType<Append>;
};

/**
 * Wraps a real store so that something happens around its calls, and counts them in `calls`. The store does not see
 * the deadline: it completes late calls too.
 */
export function around(
  store: StorageAdapter,
  { readState = (read) => read(), appendEvent = (append) => append() }: Interference = {},
): StorageAdapter & { readonly calls: { readState: number; appendEvent: number } } {
  const calls = { readState: 0, appendEvent: 0 };
  const noDeadline = { signal: new AbortController().signal };
  return {
    calls,
    readState(roomId, keys, context) {
      calls.readState += 1;
      return readState(() => store.readState(roomId, keys, noDeadline), calls.readState, keys, context);
    },
    appendEvent(event, basis, context) {
      calls.appendEvent += 1;
      const append = () => store.appendEvent(event, basis, noDeadline);
      return appendEvent(append, calls.appendEvent, event, context, basis);
    },
  };
}

/** Wraps a real rate limit and records its calls. */
export function watched(limit: RateLimitAdapter): RateLimitAdapter & {
  readonly consumed: RateLimitBucket[][];
  readonly decisions: RateLimitDecision[];
  readonly refunded: unknown[];
} {
  const consumed: RateLimitBucket[][] = [];
  const decisions: RateLimitDecision[] = [];
  const refunded: unknown[] = [];
  return {
    consumed,
    decisions,
    refunded,
    async consume(buckets, context) {
      consumed.push([...buckets]);
      const decision = await limit.consume(buckets, context);
      decisions.push(decision);
      return decision;
    },
    async refund(receipt, context) {
      refunded.push(receipt);
      await limit.refund(receipt, context);
    },
  };
}

export type LogLine = { readonly level: string; readonly details: object; readonly message: string };

/** Returns a logger that keeps warnings and errors in `lines`. */
export function recordedLogger(): Logger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string) => (details: object, message: string) => {
    lines.push({ level, details, message });
  };
  return { lines, debug() {}, info() {}, warn: at('warn'), error: at('error') };
}

/** Stores a state event as the host app would, without applying the room's rules. */
export async function put(
  store: RoomStore,
  type: string,
  state_key: string,
  content: JsonObject,
  sender: string = ALICE,
): Promise<void> {
  const event = { room_id: ROOM, type, state_key, sender, origin_server_ts: 2, content };
  expect(await store.putState(event)).toBeDefined();
}

export const putMember = (store: RoomStore, userId: string, membership: string, sender: string = ALICE) =>
  put(store, 'm.room.member', userId, { membership }, sender);

/** Returns a promise together with the functions that settle it. */
export function deferred<T = void>() {
  let resolve: (value: T) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Returns a promise that never settles. */
export const never = <T>(): Promise<T> => new Promise<T>(() => {});

/** Runs `work` and measures how long it takes, in milliseconds. */
export async function timed<T>(work: () => Promise<T>): Promise<{ value: T; milliseconds: number }> {
  const startedAt = performance.now();
  const value = await work();
  return { value, milliseconds: performance.now() - startedAt };
}
