import { ExpiringMap } from '../../../src/internal/expiring-map.ts';
import { noop } from '../../../src/internal/unawaited.ts';
import { unlessAborted, withTimeout } from '../../../src/internal/waits.ts';
import type { PublicKeys } from '../../../src/pdu/verify.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import type { ServerKeyStore, ServerKeys } from '../../../src/ports/server-keys.ts';
import { OutboundError } from '../../shared/outbound/error.ts';
import { fetchKeys, type Notary, type SendUnsigned, type WantedKeys } from './fetch.ts';
import { isStorableKeyId, withEarlierKeys } from './published-keys.ts';

/** What a key is used to verify. */
export type KeyUse =
  /** A request, or anything else that is signed now. */
  | { readonly for: 'request' }
  /** An event. Keys that have expired still verify the events of their time. */
  | {
      readonly for: 'event';
      /** The event's `origin_server_ts`. */
      readonly originServerTs: number;
      /** False in room versions 1 to 4: keys verify events of any time. */
      readonly isValidityEnforced: boolean;
    };

/** The shortest and the longest time between two requests to a server for its keys, in milliseconds. */
const MIN_WAIT_MS = 60_000;
const MAX_WAIT_MS = 3_600_000;

/** The maximum time for one call of the store, in milliseconds. */
const STORE_TIMEOUT_MS = 5_000;

/** Clients choose the names. */
const MAX_SERVERS = 10_000;

/** The requests for a server's keys so far. */
type Tries = {
  /** The number of failures in a row. */
  readonly failures: number;
  /** When the next one is allowed, by the clock of `performance.now()`. */
  readonly nextAt: number;
};

/**
 * Finds the public keys of other servers: stored keys, or else fetched ones.
 *
 * @see https://spec.matrix.org/v1.18/server-server-api/#retrieving-server-keys
 */
export class KeyRing {
  readonly #store: ServerKeyStore;
  readonly #send: SendUnsigned;
  readonly #notaries: readonly Notary[];
  readonly #tries = new ExpiringMap<Tries>(MAX_SERVERS);
  /** The running fetches, by server: there is one at a time for each. */
  readonly #underWay = new Map<string, Promise<ServerKeys>>();

  constructor(store: ServerKeyStore, send: SendUnsigned, notaries: readonly Notary[]) {
    this.#store = store;
    this.#send = send;
    this.#notaries = notaries;
  }

  /**
   * Returns the keys of a server that are valid for a use. An unknown key is fetched, but at most once a minute for each
   * server, so made-up key IDs cannot make this server send many requests.
   *
   * @param keyIds the IDs of the wanted keys
   * @throws {OutboundError} (rejects) if the server has not sent its keys and none of the wanted ones is known
   */
  async keysOf(
    serverName: string,
    keyIds: readonly string[],
    use: KeyUse,
    context: CallContext,
  ): Promise<PublicKeys> {
    const wanted: WantedKeys = {
      serverName,
      keyIds: keyIds.filter(isStorableKeyId),
      validTs: use.for === 'event' && use.isValidityEnforced ? use.originServerTs : Date.now(),
    };
    // Whoever asks may have a deadline that others wait for, and the store may ignore its signal.
    const known = await this.#inTime(() => this.#store.read(serverName, context));
    const usable = usableKeys(known, wanted, use);
    if (wanted.keyIds.every((keyId) => usable.has(keyId))) {
      if (known !== undefined && Date.now() >= halfLifeOf(known) && this.#mayFetch(serverName)) {
        this.#fetch(wanted).catch(noop);
      }
      return usable;
    }
    try {
      return usableKeys(await this.#fetchUnlessTooSoon(wanted, known, context), wanted, use);
    } catch (error) {
      if (usable.size === 0) throw error;
      return usable;
    }
  }

  async #fetchUnlessTooSoon(
    wanted: WantedKeys,
    known: ServerKeys | undefined,
    context: CallContext,
  ): Promise<ServerKeys | undefined> {
    const { serverName } = wanted;
    const timeout = () => new OutboundError('timeout', serverName, 0);
    const underWay = this.#underWay.get(serverName);
    if (underWay !== undefined) return unlessAborted(underWay, context.signal, timeout);
    if (this.#mayFetch(serverName)) {
      return unlessAborted(this.#fetch(wanted), context.signal, timeout);
    }
    if ((this.#tries.get(serverName)?.failures ?? 0) > 0) throw new OutboundError('circuit', serverName, 0);
    return known;
  }

  #mayFetch(serverName: string): boolean {
    return performance.now() >= (this.#tries.get(serverName)?.nextAt ?? 0) && !this.#underWay.has(serverName);
  }

  /** Several callers may wait for it, so it has its own deadlines. */
  #fetch(wanted: WantedKeys): Promise<ServerKeys> {
    const { serverName } = wanted;
    const fetching = this.#fetchAndRemember(wanted).finally(() => this.#underWay.delete(serverName));
    this.#underWay.set(serverName, fetching);
    return fetching;
  }

  async #fetchAndRemember(wanted: WantedKeys): Promise<ServerKeys> {
    const { serverName } = wanted;
    const failures = this.#tries.get(serverName)?.failures ?? 0;
    try {
      const fetched = await fetchKeys(this.#send, wanted, this.#notaries);
      this.#waitAfter(serverName, 0);
      const earlier = await this.#inTime((context) => this.#store.read(serverName, context));
      const keys = withEarlierKeys(fetched, earlier);
      await this.#inTime((context) => this.#store.write(serverName, keys, context));
      return keys;
    } catch (error) {
      // A failure of the store is none of the server's, which has sent its keys in vain.
      if (!(error instanceof OutboundError)) this.#tries.delete(serverName);
      else if (error.failure !== 'busy') this.#waitAfter(serverName, failures + 1);
      throw error;
    }
  }

  #waitAfter(serverName: string, failures: number): void {
    const waitMs = Math.min(MIN_WAIT_MS * 2 ** Math.max(0, failures - 1), MAX_WAIT_MS);
    // Remembered for longer than the wait, so that the next failure counts as another one.
    this.#tries.set(serverName, { failures, nextAt: performance.now() + waitMs }, waitMs + MAX_WAIT_MS);
  }

  #inTime<T>(work: (context: CallContext) => Promise<T>): Promise<T> {
    return withTimeout(
      STORE_TIMEOUT_MS,
      (signal) => work({ signal }),
      () => new Error('The key store did not respond in time'),
    );
  }
}

/** Returns the time from which keys are fetched again, before they expire. */
function halfLifeOf({ fetchedTs, validUntilTs }: ServerKeys): number {
  return fetchedTs + (validUntilTs - fetchedTs) / 2;
}

function usableKeys(known: ServerKeys | undefined, { keyIds }: WantedKeys, use: KeyUse): PublicKeys {
  if (known === undefined) return new Map();
  return new Map(
    keyIds.flatMap((keyId) => {
      const key = usableKey(known, keyId, use);
      return key === undefined ? [] : [[keyId, key] as const];
    }),
  );
}

function usableKey(known: ServerKeys, keyId: string, use: KeyUse): string | undefined {
  const current = Object.hasOwn(known.verifyKeys, keyId) ? known.verifyKeys[keyId] : undefined;
  if (use.for === 'request') return Date.now() <= known.validUntilTs ? current : undefined;
  const old = Object.hasOwn(known.oldVerifyKeys, keyId) ? known.oldVerifyKeys[keyId] : undefined;
  if (!use.isValidityEnforced) return current ?? old?.key;
  if (current !== undefined && use.originServerTs <= known.validUntilTs) return current;
  return old !== undefined && use.originServerTs <= old.expiredTs ? old.key : undefined;
}
