import { MatrixError, StorageUnavailableError } from '../../../src/errors.ts';
import type { StorageAdapter } from '../../../src/ports/storage.ts';
import { type AuthHarness, authRequest } from '../../../src/testing/auth/harness.ts';
import type { PendingAddressInvitesHarness } from '../../../src/testing/pending-address-invites/harness.ts';
import type { RateLimitHarness } from '../../../src/testing/rate-limit/harness.ts';
import type { RoomStoreHarness } from '../../../src/testing/room-store/harness.ts';
import type { StorageHarness } from '../../../src/testing/storage/harness.ts';
import { storageHarnessFor } from '../../../src/testing/storage/harness-for.ts';
import { KNOWN_TOKENS, type ReferenceAuth } from './auth.ts';
import { ReferencePendingAddresses } from './pending-addresses.ts';
import { type Limits, ManualClock, ReferenceRateLimit, SystemClock } from './rate-limit.ts';
import { type ReferenceRoom, ReferenceStorage } from './storage.ts';

const REFUSED = 'a reason that this store refuses';

/** Returns a storage harness with every capability, on a store of the class. */
export function storageHarness(Store: typeof ReferenceStorage = ReferenceStorage): StorageHarness {
  const rooms = new Map<string, ReferenceRoom>();
  const store = new Store(rooms);
  const adapter: StorageAdapter = {
    readState: (...call) => store.readState(...call),
    recall: (...call) => store.recall(...call),
    async appendEvent(event, basis, context) {
      if (event.content.reason !== REFUSED) return store.appendEvent(event, basis, context);
      store.refuse();
      return { outcome: 'refused', error: new MatrixError(413, 'M_TOO_LARGE', 'Too large') };
    },
  };
  return storageHarnessFor(store, {
    adapter,
    recall: true,
    refusedContent: { membership: 'invite', reason: REFUSED },
    secondInstance: async () => new Store(rooms),
    crash: async () => new Store(structuredClone(rooms)),
    unreachable: async () => UNREACHABLE,
  });
}

const UNREACHABLE: StorageAdapter = {
  readState: () => Promise.reject(new StorageUnavailableError('no connection')),
  appendEvent: () => Promise.reject(new StorageUnavailableError('no connection')),
};

export function roomStoreHarness(Store: typeof ReferenceStorage = ReferenceStorage): RoomStoreHarness {
  const rooms = new Map<string, ReferenceRoom>();
  return {
    store: new Store(rooms),
    secondInstance: async () => new Store(rooms),
    crash: async () => new Store(structuredClone(rooms)),
  };
}

export function pendingAddressesHarness(
  Pending: typeof ReferencePendingAddresses = ReferencePendingAddresses,
): PendingAddressInvitesHarness {
  const pending = new Pending();
  return {
    pending,
    secondInstance: async () => new Pending(pending.rows),
    crash: async () => new Pending(structuredClone(pending.rows)),
    async endClaims() {
      for (const row of pending.rows.values()) row.hasEnded = true;
    },
  };
}

const POINTS: Limits = { attempt: 12, inviter: 5, room: 5, invitee: 3 };
const WINDOW_MS: Limits = { attempt: 60_000, inviter: 33_000, room: 33_000, invitee: 1_667_000 };

export function rateLimitHarness(Limiter: typeof ReferenceRateLimit): RateLimitHarness {
  const clock = new ManualClock();
  const limiter = new Limiter(POINTS, WINDOW_MS, clock);
  return {
    limiter,
    points: POINTS,
    windowMs: WINDOW_MS,
    peek: true,
    consumeKeeping: true,
    advance: (ms) => clock.advance(ms),
    secondInstance: async () => new Limiter(POINTS, WINDOW_MS, clock, limiter.counts),
  };
}

/** Like {@link rateLimitHarness}, with a real clock: the cases wait. */
export function realTimeRateLimitHarness(windowMs: number): RateLimitHarness {
  const windows: Limits = { attempt: windowMs, inviter: windowMs, room: windowMs, invitee: windowMs };
  const limiter = new ReferenceRateLimit(POINTS, windows, new SystemClock());
  return { limiter, points: POINTS, windowMs: windows, peek: true, consumeKeeping: true };
}

export function authHarness(Auth: new () => ReferenceAuth): AuthHarness {
  return {
    adapter: new Auth(),
    known: KNOWN_TOKENS,
    makeRequest: authRequest,
    unreachable: async () => ({ authenticate: () => Promise.reject(new Error('no connection')) }),
  };
}
