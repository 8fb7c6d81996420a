import { type Case, USUAL } from '../harness/case.ts';
import type { Sample } from '../harness/measure.ts';

/** How the cost of an invite changes as one thing grows. */
export type Curve = {
  readonly id: string;
  readonly of: Growing;
  readonly store: Case['store'];
  readonly sizes: readonly number[];
};

/** A size of a curve, with a sample of each round. */
export type Point = { readonly size: number; readonly samples: Sample[] };
export type MeasuredCurve = Curve & { readonly points: readonly Point[] };

export type Growing = 'members' | 'rooms' | 'connections';

export const STORES = ['memory', 'sqlite', 'postgres'] as const;
export const GROWING: readonly Growing[] = ['members', 'rooms', 'connections'];

/** Larger stores in memory are too slow to make. */
const MOST_IN_MEMORY = 100_000;

const CONNECTIONS = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const ROOMS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];
const MEMBERS = ROOMS.slice(1);

/** @param most members, and rooms */
export function curvesUpTo(most: number): readonly Curve[] {
  return GROWING.flatMap((of) =>
    STORES.map((store) => {
      const limit = store === 'memory' ? Math.min(most, MOST_IN_MEMORY) : most;
      const sizes = of === 'connections' ? CONNECTIONS : of === 'rooms' ? ROOMS : MEMBERS;
      return {
        id: `${of}-${store}`,
        of,
        store,
        sizes: sizes.filter((size) => of === 'connections' || size <= limit),
      };
    }),
  );
}

/** Members are all in one room; connections meet 1,000 rooms. */
export function caseOf({ of, store }: Curve, size: number): Case {
  const usual = { ...USUAL, store };
  switch (of) {
    case 'members':
      return { ...usual, rooms: 1, members: size };
    case 'rooms':
      return { ...usual, rooms: size };
    case 'connections':
      return { ...usual, connections: size };
  }
}
