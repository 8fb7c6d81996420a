import type { HeapProfiler, Profiler } from 'node:inspector';
import type mysql from 'mysql2/promise';
import type pg from 'pg';

/** The configuration of a benchmark server, passed as JSON in an environment variable. */
export type ServerConfig = {
  readonly app: 'express5' | 'express4' | 'headers' | 'invite';
  readonly store: StoreConfig;
  readonly limits: LimitsConfig;
  readonly processes: number;
};

/** The server creates its rooms itself if they are in memory. In other stores they exist before it starts. */
export type StoreConfig =
  | {
      readonly kind: 'memory';
      readonly rooms: number;
      readonly members: number;
      readonly levels: number;
    }
  | { readonly kind: 'sqlite'; readonly file: string }
  | { readonly kind: 'postgres'; readonly connection: pg.ClientConfig; readonly tablePrefix: string }
  | { readonly kind: 'mysql'; readonly connection: mysql.ConnectionOptions; readonly tablePrefix: string };

/** The first request reaches the limits of `limited`, which are counted in memory. No request reaches the others. */
export type LimitsConfig =
  | { readonly kind: 'none' | 'memory' | 'limited' }
  | { readonly kind: 'redis'; readonly port: number };

/** The message that a server sends once it listens. */
export type Ready = { readonly port: number; readonly pids: readonly number[] };

export type CpuProfile = Profiler.Profile;
export type HeapProfile = HeapProfiler.SamplingHeapProfile;

/** The queries that a single-process server responds to, with the type of each result. */
export type QueryResults = {
  /** The number of events stored in memory. */
  countEvents: number;
  /** The bytes in use on the heap after a full collection. */
  collectGarbage: number;
  startCpu: number;
  stopCpu: CpuProfile;
  startHeap: number;
  stopHeap: HeapProfile;
};
export type Query = keyof QueryResults;

export type Reply<Q extends Query = Query> = { readonly result: QueryResults[Q] };
