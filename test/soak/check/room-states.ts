import type { StateEvent, StateKey } from '../../../src/rooms/event.ts';
import type { RoomLog } from '../history.ts';

/** A range of the states of a room, both ends included: see {@link RoomStates}. */
export type StateRange = { readonly from: number; readonly to: number };

type Version = { readonly position: number; readonly event: StateEvent };

/**
 * The states that a room went through. State `n` is the result of its first `n` events after the initial ones.
 */
export class RoomStates {
  readonly #versions = new Map<string, Version[]>();

  constructor({ initial, events }: RoomLog) {
    for (const event of initial) this.#versions.set(textOf(event), [{ position: 0, event }]);
    for (const [index, event] of events.entries()) {
      const versions = this.#versions.get(textOf(event)) ?? [];
      versions.push({ position: index + 1, event });
      this.#versions.set(textOf(event), versions);
    }
  }

  /** Returns the current events under the keys in state `n`. */
  at(n: number, keys: readonly StateKey[]): StateEvent[] {
    return keys.flatMap((key) => this.#version(n, key)?.event ?? []);
  }

  /** Returns the number of the log's event that is current under the key in state `n`; 0 for an initial one or none. */
  positionAt(n: number, key: StateKey): number {
    return this.#version(n, key)?.position ?? 0;
  }

  /** Splits a range where the state under the keys changes. Within a part it is constant. */
  parts({ from, to }: StateRange, keys: readonly StateKey[]): StateRange[] {
    const starts = new Set([from]);
    for (const key of keys) {
      const versions = this.#versions.get(textOf(key)) ?? [];
      for (let i = firstWhere(versions, ({ position }) => position > from); i < versions.length; i += 1) {
        const position = versions[i]?.position ?? 0;
        if (position > to) break;
        starts.add(position);
      }
    }
    const sorted = [...starts].sort((one, other) => one - other);
    return sorted.map((start, index) => ({ from: start, to: (sorted[index + 1] ?? to + 1) - 1 }));
  }

  /** Returns the current events at the end of the log. */
  final(): StateEvent[] {
    return [...this.#versions.values()].flatMap((versions) => versions.at(-1)?.event ?? []);
  }

  #version(n: number, key: StateKey): Version | undefined {
    const versions = this.#versions.get(textOf(key)) ?? [];
    return versions[firstWhere(versions, ({ position }) => position > n) - 1];
  }
}

/** Returns the first index whose element passes a test, which all later ones must pass too; the length if none does. */
export function firstWhere<T>(sorted: ArrayLike<T>, passes: (element: T) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (passes(sorted[middle] as T)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function textOf({ type, state_key }: StateKey): string {
  return `${type}\n${state_key}`;
}
