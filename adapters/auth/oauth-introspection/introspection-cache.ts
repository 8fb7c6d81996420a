import { ExpiringMap } from '../../../src/internal/expiring-map.ts';
import { digestOf } from '../shared/token-digest.ts';
import type { IntrospectionClaims } from './claims.ts';

/** The provider's response about a token. */
export type Introspection =
  | { readonly active: false }
  | { readonly active: true; readonly claims: IntrospectionClaims };

/** The maximum time for which an inactive token is cached, in milliseconds. */
const MAX_INACTIVE_MS = 5_000;

/**
 * Caches introspections, and runs one for all concurrent callers with the same token. Failures are not
 * cached.
 */
export class IntrospectionCache {
  readonly #ttlMs: number;
  // Separate maps, so that made-up tokens never evict a real login.
  readonly #active: ExpiringMap<Introspection>;
  readonly #inactive: ExpiringMap<Introspection>;
  readonly #pending = new Map<string, Promise<Introspection>>();

  constructor(ttlMs: number, maxEntries: number) {
    this.#ttlMs = ttlMs;
    this.#active = new ExpiringMap(maxEntries);
    this.#inactive = new ExpiringMap(maxEntries);
  }

  /** @param introspect asks the provider; called only if the token is neither cached nor pending */
  get(accessToken: string, introspect: () => Promise<Introspection>): Promise<Introspection> {
    // A heap dump would show the tokens themselves.
    const key = digestOf(accessToken).toString('base64');
    const cached = this.#active.get(key) ?? this.#inactive.get(key);
    if (cached !== undefined) return Promise.resolve(cached);
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    const introspecting = this.#load(key, introspect).finally(() => this.#pending.delete(key));
    this.#pending.set(key, introspecting);
    return introspecting;
  }

  async #load(key: string, introspect: () => Promise<Introspection>): Promise<Introspection> {
    const introspection = await introspect();
    if (introspection.active) this.#active.set(key, introspection, this.#ttlMs);
    else this.#inactive.set(key, introspection, Math.min(this.#ttlMs, MAX_INACTIVE_MS));
    return introspection;
  }
}
