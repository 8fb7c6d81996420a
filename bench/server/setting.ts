import type pg from 'pg';

/** What a server process of the benchmark is told to be, in its environment, as JSON. */
export type ServerSetting = {
  readonly app: 'express5' | 'express4' | 'invite';
  readonly store: StoreSetting;
  readonly limits: LimitsSetting;
  readonly processes: number;
};

/** Rooms in memory are made by the server itself; those of the others are there when it starts. */
export type StoreSetting =
  | { readonly kind: 'memory'; readonly rooms: number; readonly members: number }
  | { readonly kind: 'sqlite'; readonly file: string }
  | { readonly kind: 'postgres'; readonly connection: pg.ClientConfig; readonly tablePrefix: string };

/** `limited`: counted in memory, and reached by the first request. The others are never reached. */
export type LimitsSetting =
  | { readonly kind: 'none' | 'memory' | 'limited' }
  | { readonly kind: 'redis'; readonly port: number };

/** What a server says once it listens. */
export type Ready = { readonly port: number; readonly pids: readonly number[] };

/** What a server that is one process can be asked. */
export type Question = 'countEvents' | 'collectGarbage';

/** The number of events stored in memory, or the bytes in use on the heap after a full collection. */
export type Reply = { readonly reply: number };
