import { RateLimiterRes } from 'rate-limiter-flexible';
import type { RateLimitBucket, RateLimitScope } from '../../../src/ports/rate-limit.ts';
import type { FullRateLimits, RateLimit } from '../shared/limits.ts';
import { Connection, defineScript, type RedisClient, type Script } from './client.ts';
import { limiterOf, type Take } from './limiter.ts';

/*
 * How points are counted
 *
 * A key holds the set of the calls that were allowed in its window, by a random number for each, and expires with
 * the window. A point is taken by adding the call's number, where fewer than `points` are in the set, and given
 * back by removing it. Both are one atomic step on one key. That it is a set, and not a number as usual, gives us:
 *
 * - A command that runs twice does nothing the second time. ioredis sends again what was unanswered when a
 *   connection broke; a Cluster always does. A number would be lowered twice, which allows a call too many.
 * - Giving back needs to know nothing. It can be sent for a call of which we never learnt whether it took a point,
 *   and long after the window: in the next window's set the number is not found. No clocks are compared.
 * - A refused call leaves no trace, where rate-limiter-flexible's own script would count it.
 * - A set whose last member is removed is gone, and with it the window: one never starts with a call that was
 *   refused or given back.
 *
 * Numbers that fit 64 bits make Redis pack a set of up to 512 of them into 8 bytes each.
 */

/**
 * ARGV as rate-limiter-flexible gives it (points of this call, window, limit, window), and then the call. Three commands
 * do for most calls: to ask SISMEMBER and PTTL once more each takes a third more of Redis's time.
 */
const TAKE = `
local key, seconds, limit, call = KEYS[1], ARGV[2], tonumber(ARGV[3]), ARGV[5]
local taken = redis.call('SCARD', key)
if taken < limit then
  taken = taken + redis.call('SADD', key, call)
elseif redis.call('SISMEMBER', key, call) == 0 then
  taken = taken + 1
end
local ttl = redis.call('PTTL', key)
if ttl == -1 then
  redis.call('EXPIRE', key, seconds)
  ttl = 1000 * seconds
end
return { taken, ttl }`;

const LOOK = `return { redis.call('SCARD', KEYS[1]), redis.call('PTTL', KEYS[1]) }`;

/** What PTTL says of a key without an expiry. */
const NEVER_EXPIRES = -1;

/** Redis, as counters use it. */
export class CounterStore {
  readonly client: RedisClient;
  readonly connection: Connection;
  readonly look: Script;
  /** Keys of which a command was still unanswered at its deadline. */
  readonly overdue = new Set<string>();
  readonly #scopes: ReadonlyMap<RateLimitScope, ScopeLimit | false>;

  constructor(client: RedisClient, limits: FullRateLimits, keyPrefix: string) {
    this.client = client;
    this.connection = new Connection(client);
    this.look = defineScript(client, LOOK);
    const script = defineScript(client, TAKE);
    const limitOf = (scope: RateLimitScope) => {
      const limit = limits[scope];
      return (
        limit && { ...limit, scope, namespace: `${keyPrefix}:${scope}:`, take: limiterOf(script, limit) }
      );
    };
    this.#scopes = new Map([
      ['attempt', limitOf('attempt')],
      ['inviter', limitOf('inviter')],
      ['room', limitOf('room')],
      ['invitee', limitOf('invitee')],
    ]);
  }

  /**
   * The counter of a bucket, if its scope is not switched off.
   *
   * @throws {TypeError} for an unknown scope
   */
  counterOf({ scope, key }: RateLimitBucket): Counter | undefined {
    const limit = this.#scopes.get(scope);
    if (limit === undefined) throw new TypeError(`Unknown rate limit scope "${scope}"`);
    return limit ? new Counter(this, limit, key) : undefined;
  }
}

type ScopeLimit = RateLimit & {
  readonly scope: RateLimitScope;
  /** What is before the key of a bucket in the key in Redis. */
  readonly namespace: string;
  readonly take: Take;
};

/** The points of one bucket. */
export class Counter {
  readonly scope: RateLimitScope;
  readonly key: string;
  /** The key in Redis. */
  readonly name: string;
  readonly #store: CounterStore;
  readonly #limit: ScopeLimit;

  constructor(store: CounterStore, limit: ScopeLimit, key: string) {
    this.#store = store;
    this.#limit = limit;
    this.scope = limit.scope;
    this.key = key;
    this.name = limit.namespace + key;
  }

  /** Whether an earlier command for this key has not been answered in time, nor since. */
  get isOverdue(): boolean {
    return this.#store.overdue.has(this.name);
  }

  /**
   * Looks whether it is of use to take a point; rejects with a `RateLimiterRes` where there is none. Of a key that
   * never expires it does not, since only `take` puts that right.
   */
  async look(): Promise<void> {
    const { taken, ttlMs } = await this.#read();
    if (taken >= this.#limit.points && ttlMs > 0) throw new RateLimiterRes(0, ttlMs, taken);
  }

  /** Looks whether `take` would take a point; rejects with a `RateLimiterRes`, as `take` does, where it would not. */
  async peek(): Promise<void> {
    const { taken, ttlMs } = await this.#read();
    const waitMs = ttlMs === NEVER_EXPIRES ? this.#limit.durationSeconds * 1_000 : ttlMs;
    if (taken >= this.#limit.points) throw new RateLimiterRes(0, waitMs, taken);
  }

  /** Takes a point for a call; rejects with a `RateLimiterRes` where there is none. */
  take(call: string): Promise<unknown> {
    return this.#limit.take(this.name, call);
  }

  async #read(): Promise<{ taken: number; ttlMs: number }> {
    const answer = await this.#store.look(this.name);
    const [taken, ttlMs] = Array.isArray(answer) ? answer.map(Number) : [];
    if (taken === undefined || ttlMs === undefined) throw new Error('Unexpected answer of Redis');
    return { taken, ttlMs };
  }

  /** Gives back what a call has taken, if it has. */
  async giveBack(call: string): Promise<void> {
    await this.#store.client.srem(this.name, call);
  }

  /** Asks nothing more of this key until the work is done. */
  async holdUntil(work: Promise<unknown>): Promise<void> {
    this.#store.overdue.add(this.name);
    await work;
    this.#store.overdue.delete(this.name);
  }
}
