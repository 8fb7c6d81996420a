import type { CryptoKey, FetchImplementation, FlattenedJWSInput, RemoteJWKSet } from 'jose';
import { Outage } from '../../../src/internal/outage.ts';
import { readBounded } from '../../../src/internal/read-bounded.ts';
import { unlessAborted } from '../../../src/internal/waits.ts';
import { jose } from './jose.ts';
import { checkRemoteKeys, type RemoteKeys } from './options.ts';
import type { KeySource, TokenHeader } from './verify.ts';

/** The time after a failed fetch during which no new fetch starts, in milliseconds. */
const RETRY_AFTER_MS = 1_000;

/** A JWKS has a few kilobytes. If an endpoint sends more than this, reading stops. */
const MAX_BYTES = 262_144;

/**
 * Finds keys in a JWKS that it fetches. jose does the fetching, once for all concurrent callers, and finds
 * the key for a token. This class decides when to fetch: jose itself would drop its keys when they are old
 * and the endpoint is down, and would retry an endpoint that is down for each token.
 */
export class RemoteKeySet implements KeySource {
  readonly #remote: RemoteJWKSet;
  readonly #cooldownMs: number;
  readonly #cacheMaxAgeMs: number;
  readonly #maxStaleMs: number;
  readonly #outage: Outage;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  /** @throws {TypeError} for an unknown option, one of the wrong type, or an insecure URL */
  constructor(keys: RemoteKeys) {
    const url = checkRemoteKeys(keys);
    const { timeoutMs = 2_000, cooldownMs = 10_000, cacheMaxAgeMs = 600_000, maxStaleMs = 3_600_000 } = keys;
    this.#cooldownMs = cooldownMs;
    this.#cacheMaxAgeMs = cacheMaxAgeMs;
    this.#maxStaleMs = maxStaleMs;
    this.#outage = new Outage({
      failed:
        'The JWKS cannot be fetched: known keys stay in use for a while, ' +
        'and the response to a token with an unknown key is a 503',
      recovered: 'The JWKS can be fetched again',
      logger: keys.logger,
    });
    this.#remote = jose.createRemoteJWKSet(url, {
      timeoutDuration: timeoutMs,
      cooldownDuration: Number.POSITIVE_INFINITY,
      cacheMaxAge: Number.POSITIVE_INFINITY,
      [jose.customFetch]: fetchKeySet,
    });
  }

  async prepare(signal: AbortSignal): Promise<void> {
    const age = this.#age();
    if (age < this.#cacheMaxAgeMs) return;
    const hasStaleKeys = age < this.#cacheMaxAgeMs + this.#maxStaleMs;
    const isKnownToBeDown = this.#outage.isOn;
    const fetched = this.#fetch(signal);
    if (hasStaleKeys && isKnownToBeDown) {
      // Callers that can use stale keys do not wait until the fetch fails.
      fetched.catch(() => {});
      return;
    }
    try {
      await fetched;
    } catch (error) {
      if (!hasStaleKeys || signal.aborted) throw error;
    }
  }

  keyFor(header: TokenHeader, token: FlattenedJWSInput): Promise<CryptoKey> {
    return this.#remote(header, token);
  }

  async refetch(signal: AbortSignal): Promise<boolean> {
    if (!this.#outage.isOn && this.#age() < this.#cooldownMs) return false;
    await this.#fetch(signal);
    return true;
  }

  #age(): number {
    return performance.now() - this.#fetchedAt;
  }

  /** Rejects if the fetch fails, or if the caller's deadline passes first. */
  async #fetch(signal: AbortSignal): Promise<void> {
    // Checked before a fetch starts: if nobody waits for it, its failure would be an unhandled rejection.
    signal.throwIfAborted();
    const failure = this.#outage.failureWithin(RETRY_AFTER_MS);
    if (failure !== undefined) throw fetchError(failure.error);
    this.#fetching ??= this.#reload().finally(() => {
      this.#fetching = undefined;
    });
    await unlessAborted(this.#fetching, signal);
  }

  async #reload(): Promise<void> {
    try {
      await this.#remote.reload();
      this.#fetchedAt = performance.now();
      this.#outage.reportSuccess();
    } catch (error) {
      this.#outage.reportFailure(error);
      throw fetchError(error);
    }
  }
}

function fetchError(cause: unknown): Error {
  return new Error('The JWKS cannot be fetched', { cause });
}

/**
 * Fetches a JWKS for jose, which follows no redirects and sets the deadline. Also rejects a JWKS without
 * keys: no issuer signs without one, and accepting it would log all clients out.
 */
const fetchKeySet: FetchImplementation = async (url, options) => {
  const response = await fetch(url, options);
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`The response has status ${response.status}`);
  }
  const tooLarge = () => new Error(`The response has more than ${MAX_BYTES} bytes`);
  const json = (await readBounded(response, MAX_BYTES, tooLarge)).toString('utf8');
  const keySet: unknown = JSON.parse(json);
  if (!isObject(keySet) || !('keys' in keySet) || !Array.isArray(keySet.keys) || keySet.keys.length === 0) {
    throw new Error('The response is not a JWKS with keys');
  }
  return new Response(json);
};

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
