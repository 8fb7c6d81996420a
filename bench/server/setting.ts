import type { HeapProfiler, Profiler } from 'node:inspector';
import type pg from 'pg';

/** What a server process of the benchmark is told to be, in its environment, as JSON. */
export type ServerSetting = {
  readonly app: 'express5' | 'express4' | 'headers' | 'invite';
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

export type CpuProfile = Profiler.Profile;
export type HeapProfile = HeapProfiler.SamplingHeapProfile;

/** What a server that is one process can be asked, and what it replies. */
export type Questions = {
  /** The number of events stored in memory. */
  countEvents: number;
  /** The bytes in use on the heap after a full collection. */
  collectGarbage: number;
  startCpu: number;
  stopCpu: CpuProfile;
  startHeap: number;
  stopHeap: HeapProfile;
};
export type Question = keyof Questions;

export type Reply<Q extends Question = Question> = { readonly reply: Questions[Q] };
