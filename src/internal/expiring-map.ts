type Entry<Value> = { readonly value: Value; readonly expiresAt: number };

/** A map whose entries expire, with a maximum number of entries: the oldest are removed first. */
export class ExpiringMap<Value> {
  readonly #maxEntries: number;
  /** In the order in which they were set. */
  readonly #entries = new Map<string, Entry<Value>>();

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.expiresAt > performance.now()) return entry?.value;
    this.#entries.delete(key);
    return undefined;
  }

  /** @param ttlMs milliseconds from now until the entry expires; 0 stores nothing */
  set(key: string, value: Value, ttlMs: number): void {
    this.#entries.delete(key);
    if (ttlMs <= 0) return;
    const now = performance.now();
    this.#entries.set(key, { value, expiresAt: now + ttlMs });
    for (const [oldest, { expiresAt }] of this.#entries) {
      if (this.#entries.size <= this.#maxEntries && expiresAt > now) return;
      this.#entries.delete(oldest);
    }
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
