import {
  type CryptoKey,
  createRemoteJWKSet,
  customFetch,
  type FlattenedJWSInput,
  type RemoteJWKSet,
} from 'jose';
import { fetchKeySet } from './fetch-key-set.ts';
import type { KeySource, TokenHeader } from './keys.ts';
import { Outage } from './outage.ts';
import { checkRemoteKeys, type RemoteKeys } from './remote-options.ts';

/** How long after a fetch that failed no other is made, in milliseconds. */
const RETRY_AFTER_MS = 1_000;

/**
 * Keys of a JWKS on the web. jose fetches, for all who wait at once, and finds the key for a token; when it fetches is
 * decided here, since jose forgets the keys it has when they are old and the endpoint is down, and asks an endpoint
 * that is down again for each token.
 */
export class RemoteKeySet implements KeySource {
  readonly #remote: RemoteJWKSet;
  readonly #cooldownMs: number;
  readonly #cacheMaxAgeMs: number;
  readonly #maxStaleMs: number;
  readonly #outage: Outage;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  /** @throws {TypeError} for an unknown or ill-typed option, and for a URL that is not safe */
  constructor(keys: RemoteKeys) {
    const url = checkRemoteKeys(keys);
    const { timeoutMs = 2_000, cooldownMs = 10_000, cacheMaxAgeMs = 600_000, maxStaleMs = 3_600_000 } = keys;
    this.#cooldownMs = cooldownMs;
    this.#cacheMaxAgeMs = cacheMaxAgeMs;
    this.#maxStaleMs = maxStaleMs;
    this.#outage = new Outage(keys.logger);
    this.#remote = createRemoteJWKSet(url, {
      timeoutDuration: timeoutMs,
      cooldownDuration: Number.POSITIVE_INFINITY,
      cacheMaxAge: Number.POSITIVE_INFINITY,
      [customFetch]: fetchKeySet,
    });
  }

  async prepare(signal: AbortSignal): Promise<void> {
    const age = this.#age();
    if (age < this.#cacheMaxAgeMs) return;
    const mayBeStale = age < this.#cacheMaxAgeMs + this.#maxStaleMs;
    // Once an outage is known, its deadline is waited for by nobody who can do without.
    const mayNotWait = mayBeStale && this.#outage.isOn;
    const fetched = this.#fetch(signal);
    try {
      if (!mayNotWait) await fetched;
      else fetched.catch(() => {});
    } catch (error) {
      if (!mayBeStale || signal.aborted) throw error;
    }
  }

  keyFor(header: TokenHeader, token: FlattenedJWSInput): Promise<CryptoKey> {
    return this.#remote(header, token);
  }

  async renew(signal: AbortSignal): Promise<boolean> {
    if (!this.#outage.isOn && this.#age() < this.#cooldownMs) return false;
    await this.#fetch(signal);
    return true;
  }

  #age(): number {
    return performance.now() - this.#fetchedAt;
  }

  /** @throws (rejects) when the keys cannot be had, or the caller's time is over */
  async #fetch(signal: AbortSignal): Promise<void> {
    // Before a fetch starts: one that nobody waits for would fail unhandled.
    signal.throwIfAborted();
    const failure = this.#outage.failureWithin(RETRY_AFTER_MS);
    if (failure !== undefined) throw unavailable(failure.error);
    this.#fetching ??= this.#reload().finally(() => {
      this.#fetching = undefined;
    });
    await unlessAborted(this.#fetching, signal);
  }

  async #reload(): Promise<void> {
    try {
      await this.#remote.reload();
      this.#fetchedAt = performance.now();
      this.#outage.fetched();
    } catch (error) {
      this.#outage.failed(error);
      throw unavailable(error);
    }
  }
}

function unavailable(cause: unknown): Error {
  return new Error('The JWKS cannot be fetched', { cause });
}

/** Settles as `work` does, which goes on for others when this caller's time is over. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  let stopListening = () => {};
  const aborted = new Promise<never>((_, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    stopListening = () => signal.removeEventListener('abort', abort);
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    stopListening();
  }
}
