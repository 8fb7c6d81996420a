import type { OnStoreError } from '../../adapters/rate-limit/redis/index.ts';
import type { RateLimits } from '../../adapters/rate-limit/shared/limits.ts';

/** How a storage can be broken on purpose, to see that the checker finds it. */
export type Sabotage = 'comparesBeforeTheLock' | 'forgets' | 'readsOldState';

/** What a worker is told when it starts: JSON. */
export type WorkerSettings = {
  readonly store:
    | { readonly type: 'sqlite'; readonly path: string }
    | { readonly type: 'postgres'; readonly port: number };
  readonly deadlineMs: number;
  readonly limits: RateLimits;
  /** Where limits are counted: in Redis on that port, or else in each worker's own memory. */
  readonly redis: { readonly port: number; readonly onStoreError: OnStoreError } | undefined;
  readonly sabotage: Sabotage | undefined;
};

/** What a worker tells the driver, beside its answers over HTTP. */
export type WorkerMessage =
  | { readonly type: 'listening'; readonly port: number }
  | {
      readonly type: 'notices';
      readonly notices: readonly { readonly roomId: string; readonly eventId: string }[];
    };
