import { firstWhere, type Stretch } from './room-states.ts';

/** When an event may have been committed, by what is known of its call alone. */
export type Bounds = { readonly earliest: number; readonly latest: number };

/**
 * When the events of one log were committed, as exactly as the calls tell.
 *
 * Nobody sees the commit of an event, but it lies between the sending of its call and the answer that acknowledges
 * it (an answer that leaves the outcome open bounds nothing). Since the log is in commit order, an event is not
 * earlier than any before it and not later than any behind it: that makes both bounds monotone along the log, and
 * closes the open ones where a later event is bounded. Where `earliest` is then above `latest`, no times exist
 * at all: some event stands behind another although its call was over before the other's began.
 *
 * State `n` lasts from the commit of event `n` to that of event `n + 1`. It can have been current within a call if
 * event `n` can be as early as the call's end, and event `n + 1` as late as its start. Both together are possible
 * then: with all events up to `n` at their earliest and all others at their latest, every bound and the order hold.
 * Both bounds being monotone, those states are one stretch.
 */
export class Moments {
  /** At index `n` for event `n`, counted from 1; state 0 was there before all calls. */
  readonly #earliest: Float64Array;
  /** One longer: the event behind the last never comes. */
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

  /** The events whose bounds leave no moment, counted from 1. */
  impossible(): number[] {
    const found: number[] = [];
    for (let n = 1; n <= this.#length; n += 1) {
      if (this.earliest(n) > this.latest(n)) found.push(n);
    }
    return found;
  }

  /** The earliest moment of event `n`. */
  earliest(n: number): number {
    return this.#earliest[n] ?? Number.NEGATIVE_INFINITY;
  }

  /** The latest moment of event `n`. */
  latest(n: number): number {
    return this.#latest[n] ?? Number.POSITIVE_INFINITY;
  }

  /** The states that may have been current at some moment between two. */
  statesWithin(start: number, end: number): Stretch {
    const first = firstWhere(this.#latest.subarray(1), (latest) => latest >= start);
    const behind = firstWhere(this.#earliest, (earliest) => earliest > end);
    const [from, to] = [Math.min(first, this.#length), Math.max(behind - 1, 0)];
    // They cross only where some event is impossible, which is told already.
    return { from: Math.min(from, to), to: Math.max(from, to) };
  }

  /**
   * A call saw one of the states of a stretch: so the event that began the first of them was there when the call
   * ended, and the event that ended the last of them was not when it started.
   *
   * @returns whether that says more than was known
   */
  narrow({ from, to }: Stretch, start: number, end: number): boolean {
    let saysMore = false;
    for (let n = from; n > 0 && this.latest(n) > end; n -= 1) {
      this.#latest[n] = end;
      saysMore = true;
    }
    for (let n = to + 1; n <= this.#length && this.earliest(n) < start; n += 1) {
      this.#earliest[n] = start;
      saysMore = true;
    }
    return saysMore;
  }
}
