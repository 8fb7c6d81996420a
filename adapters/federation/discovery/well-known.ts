import type { IncomingHttpHeaders } from 'node:http';
import { ExpiringMap } from '../../../src/internal/expiring-map.ts';
import { isReachableServerName } from '../../../src/rooms/identifiers.ts';
import type { OutboundClient } from '../../shared/outbound/client.ts';
import { withDeadline } from '../../shared/outbound/deadline.ts';
import { OutboundError } from '../../shared/outbound/error.ts';

const MAX_BYTES = 51_200;
const MAX_REDIRECTS = 5;
const TIMEOUT_MS = 5_000;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** How long a delegation is cached: as its headers say, within these limits. */
const MIN_AGE_MS = 5 * MINUTE_MS;
const DEFAULT_AGE_MS = 24 * HOUR_MS;
const MAX_AGE_MS = 48 * HOUR_MS;

/** How long it is cached that there is no delegation. */
const FAULT_AGE_MS = HOUR_MS;
/** The same, if that may change soon: there was no response, or there was a delegation recently. */
const SHORT_FAULT_AGE_MS = 2 * MINUTE_MS;
const RECENT_MS = 2 * HOUR_MS;

/** Clients choose the names. */
const MAX_NAMES = 10_000;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** The server name that a host delegates to, if it delegates to one. */
type Delegation = { readonly to: string | undefined };

/**
 * Reads and caches which hosts delegate to another server name.
 *
 * @see https://spec.matrix.org/v1.18/server-server-api/#getwell-knownmatrixserver
 */
export class WellKnown {
  readonly #client: OutboundClient;
  readonly #port: number;
  readonly #known = new ExpiringMap<Delegation>(MAX_NAMES);
  /** The hosts that had a delegation recently. */
  readonly #recent = new ExpiringMap<true>(MAX_NAMES);
  /** The running requests, by host: there is one at a time for each. */
  readonly #underWay = new Map<string, Promise<Delegation>>();

  constructor(client: OutboundClient, port: number) {
    this.#client = client;
    this.#port = port;
  }

  /**
   * Returns the server name that a host delegates to, or undefined if it delegates to none.
   *
   * @throws {OutboundError} (rejects) if too many requests are under way
   */
  async delegatedName(hostname: string): Promise<string | undefined> {
    const underWay = this.#known.get(hostname) ?? this.#underWay.get(hostname) ?? this.#read(hostname);
    return (await underWay).to;
  }

  /** Several callers may wait for it, so it has its own deadline. */
  #read(hostname: string): Promise<Delegation> {
    const reading = withDeadline(TIMEOUT_MS, undefined, (signal) => this.#fetch(hostname, signal)).finally(
      () => this.#underWay.delete(hostname),
    );
    this.#underWay.set(hostname, reading);
    return reading;
  }

  async #fetch(hostname: string, signal: AbortSignal): Promise<Delegation> {
    let faultAgeMs = this.#recent.get(hostname) ? SHORT_FAULT_AGE_MS : FAULT_AGE_MS;
    try {
      const found = await this.#follow(
        new URL(`https://${hostname}:${this.#port}/.well-known/matrix/server`),
        signal,
      );
      if (found !== undefined) {
        this.#known.set(hostname, found, found.ageMs);
        this.#recent.set(hostname, true, found.ageMs + RECENT_MS);
        return found;
      }
    } catch (error) {
      if (!(error instanceof OutboundError) || error.failure === 'busy') throw error;
      if (error.failure !== 'answer') faultAgeMs = SHORT_FAULT_AGE_MS;
    }
    const none: Delegation = { to: undefined };
    this.#known.set(hostname, none, faultAgeMs);
    return none;
  }

  /** Resolves to undefined if a response is not what the specification says. */
  async #follow(start: URL, signal: AbortSignal): Promise<{ to: string; ageMs: number } | undefined> {
    let url = start;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const { status, headers, json } = await this.#client.send(url, {
        maxBytes: MAX_BYTES,
        isRepeatable: true,
        signal,
      });
      if (!REDIRECTS.has(status)) {
        const to: unknown =
          typeof json === 'object' && json !== null ? Reflect.get(json, 'm.server') : undefined;
        return status === 200 && isReachableServerName(to) ? { to, ageMs: ageMsOf(headers) } : undefined;
      }
      const { location } = headers;
      if (location === undefined || !URL.canParse(location, url.href)) return undefined;
      url = new URL(location, url.href);
      if (url.protocol !== 'https:' || url.port === '0') return undefined;
    }
    return undefined;
  }
}

/** Returns how long a response may be cached. Node joins repeated headers with commas. */
function ageMsOf({ 'cache-control': cacheControl = '', expires, date }: IncomingHttpHeaders): number {
  const directives = cacheControl
    .toLowerCase()
    .split(',')
    .map((each) => each.trim());
  if (directives.includes('no-store') || directives.includes('no-cache')) return MIN_AGE_MS;
  const seconds = directives.map((each) => /^max-age="?([0-9]{1,10})"?$/.exec(each)?.[1]).find(Boolean);
  const ageMs =
    seconds !== undefined
      ? Number(seconds) * 1_000
      : expires !== undefined
        ? // An invalid date, such as `0`, is one of the past (RFC 9111, section 5.3).
          Date.parse(expires) - (date === undefined ? Date.now() : Date.parse(date)) || 0
        : DEFAULT_AGE_MS;
  return Math.min(Math.max(ageMs, MIN_AGE_MS), MAX_AGE_MS);
}
