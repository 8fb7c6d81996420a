/** How many keys are remembered at most. */
const MOST_KEYS = 10_000;

/** The keys that have refused lately, as this process has seen it: a hint, never a decision. */
export class RecentRefusals {
  /** By key, when its window ends, in milliseconds since the process began; the oldest key is first. */
  readonly #ends = new Map<string, number>();

  add(name: string, retryAfterMs: number): void {
    this.#ends.delete(name);
    this.#ends.set(name, performance.now() + retryAfterMs);
    if (this.#ends.size <= MOST_KEYS) return;
    for (const oldest of this.#ends.keys()) {
      this.#ends.delete(oldest);
      break;
    }
  }

  has(name: string): boolean {
    const end = this.#ends.get(name);
    if (end === undefined) return false;
    if (end > performance.now()) return true;
    this.#ends.delete(name);
    return false;
  }

  delete(name: string): void {
    this.#ends.delete(name);
  }
}
