import { firstWhere, type StateRange } from './room-states.ts';

/** The time in which an event can have been committed, according to its call alone. */
export type Bounds = { readonly earliest: number; readonly latest: number };

/**
 * The times at which the events of one log were committed, as exactly as the calls determine them.
 *
 * The commit of an event cannot be observed, but it lies between the start of its call and the response that
 * acknowledges it. A response that leaves the outcome open is no bound. The log is in commit order, so an event is not
 * earlier than any event before it and not later than any event after it. That makes both bounds monotone along the
 * log, and closes open bounds if a later event is bounded. If `earliest` is then above `latest`, no time is possible:
 * an event comes after another one although its call ended before the other's call started.
 *
 * State `n` lasts from the commit of event `n` to that of event `n + 1`. It can have been current during a call if event
 * `n` can be as early as the call's end, and event `n + 1` as late as its start. Both are then possible together: with
 * all events up to `n` at their earliest and all others at their latest, all bounds and the order hold. Since both
 * bounds are monotone, these states form one range.
 */
export class Moments {
  /** Index `n` is for event `n`, counted from 1. State 0 existed before all calls. */
  readonly #earliest: Float64Array;
  /** One element longer: no event follows the last one. */
  readonly #latest: Float64Array;
  readonly #length: number;

  constructor(bounds: readonly Bounds[]) {
    this.#length = bounds.length;
    this.#earliest = new Float64Array(bounds.length + 1).fill(Number.NEGATIVE_INFINITY);
    this.#latest = new Float64Array(bounds.length + 2).fill(Number.POSITIVE_INFINITY);
    for (const [index, { earliest, latest }] of bounds.entries()) {
      this.#earliest[index + 1] = earliest;
      this.#latest[index + 1] = latest;
    }
    for (let n = 1; n <= this.#length; n += 1) {
      this.#earliest[n] = Math.max(this.earliest(n), this.earliest(n - 1));
    }
    for (let n = this.#length; n >= 1; n -= 1) {
      this.#latest[n] = Math.min(this.latest(n), this.latest(n + 1));
    }
  }

  /** Returns the events whose bounds leave no possible time, counted from 1. */
  impossible(): number[] {
    const found: number[] = [];
    for (let n = 1; n <= this.#length; n += 1) {
      if (this.earliest(n) > this.latest(n)) found.push(n);
    }
    return found;
  }

  /** Returns the earliest time of event `n`. */
  earliest(n: number): number {
    return this.#earliest[n] ?? Number.NEGATIVE_INFINITY;
  }

  /** Returns the latest time of event `n`. */
  latest(n: number): number {
    return this.#latest[n] ?? Number.POSITIVE_INFINITY;
  }

  /** Returns the states that can have been current at some time from `start` to `end`. */
  statesWithin(start: number, end: number): StateRange {
    const first = firstWhere(this.#latest.subarray(1), (latest) => latest >= start);
    const after = firstWhere(this.#earliest, (earliest) => earliest > end);
    const [from, to] = [Math.min(first, this.#length), Math.max(after - 1, 0)];
    // They cross only if an event is impossible, which is reported separately.
    return { from: Math.min(from, to), to: Math.max(from, to) };
  }

  /**
   * Records that a call saw one of the states of a range. So the event that started the first of them was stored when the
   * call ended, and the event that ended the last of them was not stored when it started.
   *
   * @returns true if that narrows any bound
   */
  narrow({ from, to }: StateRange, start: number, end: number): boolean {
    let isNarrower = false;
    for (let n = from; n > 0 && this.latest(n) > end; n -= 1) {
      this.#latest[n] = end;
      isNarrower = true;
    }
    for (let n = to + 1; n <= this.#length && this.earliest(n) < start; n += 1) {
      this.#earliest[n] = start;
      isNarrower = true;
    }
    return isNarrower;
  }
}
