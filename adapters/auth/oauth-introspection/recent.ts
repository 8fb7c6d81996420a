/** Values that are kept for a time, and of which there are never more than a number: the oldest go first. */
export class Recent<Value> {
  readonly #ttlMs: number;
  readonly #maxEntries: number;
  // In the order in which they were kept, which is that in which they end.
  readonly #entries = new Map<string, { readonly value: Value; readonly end: number }>();

  constructor(ttlMs: number, maxEntries: number) {
    this.#ttlMs = ttlMs;
    this.#maxEntries = maxEntries;
  }

  get(key: string): Value | undefined {
    this.#removeEnded();
    return this.#entries.get(key)?.value;
  }

  keep(key: string, value: Value): void {
    if (this.#ttlMs === 0) return;
    this.#entries.delete(key);
    this.#entries.set(key, { value, end: performance.now() + this.#ttlMs });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#maxEntries) return;
      this.#entries.delete(oldest);
    }
  }

  #removeEnded(): void {
    const now = performance.now();
    for (const [key, { end }] of this.#entries) {
      if (end > now) return;
      this.#entries.delete(key);
    }
  }
}
