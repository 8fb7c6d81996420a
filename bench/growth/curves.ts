import { type Case, DEFAULT_CASE } from '../harness/case.ts';
import type { Sample } from '../harness/measure.ts';

/** The cost of an invite as one dimension grows. */
export type Curve = {
  readonly id: string;
  readonly dimension: Dimension;
  readonly store: (typeof STORES)[number];
  readonly sizes: readonly number[];
};

/** One size of a curve, with a sample of each round. */
export type Point = { readonly size: number; readonly samples: Sample[] };
export type MeasuredCurve = Curve & { readonly points: readonly Point[] };

export type Dimension = 'members' | 'rooms' | 'connections';

export const STORES = ['memory', 'sqlite', 'postgres'] as const;
export const DIMENSIONS: readonly Dimension[] = ['members', 'rooms', 'connections'];

/** Larger stores in memory take too long to create. */
const MAX_IN_MEMORY = 100_000;

const CONNECTIONS = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const ROOMS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];
const SIZES: Record<Dimension, readonly number[]> = {
  members: ROOMS.slice(1),
  rooms: ROOMS,
  connections: CONNECTIONS,
};

/** @param max the maximum number of members and of rooms */
export function curvesUpTo(max: number): readonly Curve[] {
  return DIMENSIONS.flatMap((dimension) =>
    STORES.map((store) => {
      const limit = store === 'memory' ? Math.min(max, MAX_IN_MEMORY) : max;
      const sizes = SIZES[dimension];
      return {
        id: `${dimension}-${store}`,
        dimension,
        store,
        sizes: sizes.filter((size) => dimension === 'connections' || size <= limit),
      };
    }),
  );
}

/** Puts all members in one room. Spreads connections over 1,000 rooms. */
export function caseOf({ dimension, store }: Curve, size: number): Case {
  const defaults = { ...DEFAULT_CASE, store };
  switch (dimension) {
    case 'members':
      return { ...defaults, rooms: 1, members: size };
    case 'rooms':
      return { ...defaults, rooms: size };
    case 'connections':
      return { ...defaults, connections: size };
  }
}
