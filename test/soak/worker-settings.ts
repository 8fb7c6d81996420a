import type { RateLimits } from '../../adapters/rate-limit/limits.ts';

/** How a storage can be broken on purpose, to see that the checker finds it. */
export type Sabotage = 'comparesBeforeTheLock' | 'forgets' | 'readsOldState';

/** What a worker is told when it starts: JSON. */
export type WorkerSettings = {
  readonly store:
    | { readonly type: 'sqlite'; readonly path: string }
    | { readonly type: 'postgres'; readonly port: number };
  readonly deadlineMs: number;
  readonly rateLimit:
    | { readonly type: 'memory'; readonly limits: RateLimits }
    | { readonly type: 'redis'; readonly port: number; readonly limits: RateLimits }
    | undefined;
  readonly sabotage: Sabotage | undefined;
};

/** What a worker tells the driver, beside its answers over HTTP. */
export type WorkerMessage =
  | { readonly type: 'listening'; readonly port: number }
  | {
      readonly type: 'notices';
      readonly notices: readonly { readonly roomId: string; readonly eventId: string }[];
    };
