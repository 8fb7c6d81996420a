import { randomBytes } from 'node:crypto';
import type { RateLimitBucket, RateLimitForecast, RateLimitScope } from '../../../src/ports/rate-limit.ts';
import type { FullRateLimits } from '../limits.ts';
import { Attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import { Counter, CounterStore } from './counter.ts';
import { Deadline } from './deadline.ts';
import type { Outage } from './outage.ts';
import { RecentRefusals } from './refusals.ts';

export type Refusal = RateLimitForecast & { readonly allowed: false };

/** A point of each counter, and how to give them back. */
export type Taken = { readonly allowed: true; readonly giveBack: GiveBack };

/** Never rejects. */
export type GiveBack = () => Promise<void>;

type Setting = {
  readonly limits: FullRateLimits;
  readonly keyPrefix: string;
  /** How long one decision may wait for Redis, in milliseconds. */
  readonly timeoutMs: number;
  readonly outage: Outage;
};

/** The counters in Redis: several at once, and within a deadline. */
export class Counters {
  readonly #setting: Setting;
  readonly #store: CounterStore;
  readonly #refusals = new RecentRefusals();

  constructor(client: RedisClient, setting: Setting) {
    this.#setting = setting;
    this.#store = new CounterStore(client);
  }

  /**
   * The counters of buckets, each once, without those of scopes that are switched off.
   *
   * @throws {TypeError} for an unknown scope
   */
  of(buckets: readonly RateLimitBucket[]): readonly Counter[] {
    const { limits, keyPrefix } = this.#setting;
    const counters = new Map<string, Counter>();
    for (const { scope, key } of buckets) {
      if (!Object.hasOwn(limits, scope)) throw new TypeError(`Unknown rate limit scope "${scope}"`);
      const limit = limits[scope];
      if (limit === false) continue;
      const counter = new Counter(this.#store, limit, keyPrefix, scope, key);
      counters.set(counter.name, counter);
    }
    return [...counters.values()];
  }

  /**
   * Takes a point from each, or from none.
   *
   * @throws (rejects) when Redis cannot decide
   */
  async take(counters: readonly Counter[]): Promise<Taken | Refusal> {
    if (counters.length === 0) return { allowed: true, giveBack: async () => {} };
    return this.#ask(
      counters,
      async (deadline) => (await this.#look(counters, deadline)) ?? (await this.#takeAll(counters, deadline)),
    );
  }

  /**
   * Says whether {@link take} would be refused, and takes nothing.
   *
   * @throws (rejects) when Redis cannot tell
   */
  async peek(counters: readonly Counter[]): Promise<Refusal | undefined> {
    if (counters.length === 0) return undefined;
    return this.#ask(counters, (deadline) =>
      this.#refusalOf(
        counters.map((counter) => new Attempt(counter, counter.peek())),
        deadline,
      ),
    );
  }

  async #ask<Answer>(
    counters: readonly Counter[],
    work: (deadline: Deadline) => Promise<Answer>,
  ): Promise<Answer> {
    const { client, connection } = this.#store;
    if (!connection.isAskable) throw new Error(`The Redis client is not connected: ${client.status}`);
    if (counters.some(({ isOverdue }) => isOverdue)) throw new Error('A command to Redis is overdue');
    const deadline = new Deadline(this.#setting.timeoutMs);
    try {
      return await work(deadline);
    } finally {
      deadline.end();
    }
  }

  /** Refuses without a debit where a bucket is likely to have no point, and has none. */
  async #look(counters: readonly Counter[], deadline: Deadline): Promise<Refusal | undefined> {
    const isLikely = counters.length > 1 && counters.some(({ name }) => this.#refusals.has(name));
    if (!isLikely) return undefined;
    const attempts = counters.map((counter) => new Attempt(counter, counter.look()));
    return this.#refusalOf(attempts, deadline);
  }

  async #takeAll(counters: readonly Counter[], deadline: Deadline): Promise<Taken | Refusal> {
    const call = newCall();
    const attempts = counters.map((counter) => new Attempt(counter, counter.take(call)));
    const { refusal, failure } = await this.#outcomeOf(attempts, deadline);
    if (refusal === undefined && failure === undefined) {
      return { allowed: true, giveBack: () => this.#giveBack(counters, call) };
    }
    const undone = attempts.map((attempt) => attempt.undo(call));
    if (refusal === undefined) throw failure?.error;
    await deadline.wait(undone);
    return refusal;
  }

  /** The refusal of attempts that took nothing; rejects when there is none, but one of them failed. */
  async #refusalOf(attempts: readonly Attempt[], deadline: Deadline): Promise<Refusal | undefined> {
    const { refusal, failure } = await this.#outcomeOf(attempts, deadline);
    if (refusal === undefined && failure !== undefined) throw failure.error;
    return refusal;
  }

  /** What the buckets have said when all have, or the time is over. One that refuses is enough for a refusal. */
  async #outcomeOf(attempts: readonly Attempt[], deadline: Deadline): Promise<Outcome> {
    const { outage } = this.#setting;
    await deadline.wait(attempts.map(({ settled }) => settled));
    const waits: Wait[] = [];
    for (const { counter, retryAfterMs } of attempts) {
      if (retryAfterMs === undefined) {
        this.#refusals.delete(counter.name);
      } else {
        this.#refusals.add(counter.name, retryAfterMs);
        waits.push({ scope: counter.scope, retryAfterMs });
      }
    }
    for (const { counter, settled, isPending } of attempts) if (isPending) void counter.holdUntil(settled);
    const [failure] = attempts.flatMap((attempt) => attempt.failure ?? []);
    if (failure === undefined) outage.answered();
    else outage.failed(failure.error);
    const [longest] = waits.sort((one, other) => other.retryAfterMs - one.retryAfterMs);
    return { refusal: longest && { allowed: false, ...longest }, failure };
  }

  async #giveBack(counters: readonly Counter[], call: string): Promise<void> {
    const deadline = new Deadline(this.#setting.timeoutMs);
    const attempts = counters.map((counter) => new Attempt(counter, counter.giveBack(call)));
    await deadline.wait(attempts.map(({ settled }) => settled));
    deadline.end();
    const [failure] = attempts.flatMap((attempt) => attempt.failure ?? []);
    if (failure !== undefined) this.#setting.outage.failed(failure.error);
  }
}

type Wait = { readonly scope: RateLimitScope; readonly retryAfterMs: number };
type Outcome = { readonly refusal?: Refusal; readonly failure?: { readonly error: unknown } };

/** A number that no other call has, of any process: 64 random bits. */
function newCall(): string {
  return randomBytes(8).readBigInt64BE().toString();
}
