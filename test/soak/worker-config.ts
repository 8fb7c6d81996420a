import type { OnStoreError } from '../../adapters/rate-limit/redis/index.ts';
import type { RateLimits } from '../../adapters/rate-limit/shared/limits.ts';

/** The ways to break a storage on purpose, to test that the checker finds them. */
export type Sabotage = 'comparesBeforeTheLock' | 'forgets' | 'readsOldState';

/** The config of a worker, passed as JSON when it starts. */
export type WorkerConfig = {
  readonly store:
    | { readonly type: 'sqlite'; readonly path: string }
    | { readonly type: 'postgres' | 'mysql'; readonly port: number };
  readonly deadlineMs: number;
  readonly limits: RateLimits;
  /** The Redis that counts the limits; without it, each worker counts in memory. */
  readonly redis: { readonly port: number; readonly onStoreError: OnStoreError } | undefined;
  readonly sabotage: Sabotage | undefined;
};

/** A message from a worker to the driver, besides its HTTP responses. */
export type WorkerMessage =
  | { readonly type: 'listening'; readonly port: number }
  /** The machine did not run the worker between two times, in milliseconds of Unix time. */
  | { readonly type: 'paused'; readonly from: number; readonly to: number }
  | {
      readonly type: 'notices';
      readonly notices: readonly { readonly roomId: string; readonly eventId: string }[];
    };
