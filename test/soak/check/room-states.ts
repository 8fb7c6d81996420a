import type { StateEvent, StateKey } from '../../../src/rooms/event.ts';
import type { RoomLog } from '../history.ts';

/** A stretch of a room's log: the prefixes of `from` to `to` events, both included. */
export type Stretch = { readonly from: number; readonly to: number };

type Version = { readonly position: number; readonly event: StateEvent };

/**
 * The states that a room went through: state `n` is what its first `n` events (after the initial ones) add up to.
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

  /** The current events under the keys in state `n`. */
  at(n: number, keys: readonly StateKey[]): StateEvent[] {
    return keys.flatMap((key) => this.#version(n, key)?.event ?? []);
  }

  /** Which event of the log is current under the key in state `n`: 0 where it is an initial one, or there is none. */
  positionAt(n: number, key: StateKey): number {
    return this.#version(n, key)?.position ?? 0;
  }

  /** Cuts a stretch where the state under the keys changes: within a part it is one and the same. */
  parts({ from, to }: Stretch, keys: readonly StateKey[]): Stretch[] {
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

  /** What is current at the end of the log. */
  final(): StateEvent[] {
    return [...this.#versions.values()].flatMap((versions) => versions.at(-1)?.event ?? []);
  }

  #version(n: number, key: StateKey): Version | undefined {
    const versions = this.#versions.get(textOf(key)) ?? [];
    return versions[firstWhere(versions, ({ position }) => position > n) - 1];
  }
}

/** The first index whose element passes a test that is passed by all behind it; the length where none does. */
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
