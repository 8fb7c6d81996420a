import type { RateLimitBucket, RateLimitForecast } from '../../../src/ports/rate-limit.ts';
import type { FullRateLimits } from '../shared/limits.ts';
import { Attempt } from './attempt.ts';
import { newCall } from './call.ts';
import type { RedisClient } from './client.ts';
import { type Counter, CounterStore } from './counter.ts';
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
  readonly #store: CounterStore;
  readonly #timeoutMs: number;
  readonly #outage: Outage;
  readonly #refusals = new RecentRefusals();

  constructor(client: RedisClient, { limits, keyPrefix, timeoutMs, outage }: Setting) {
    this.#store = new CounterStore(client, limits, keyPrefix);
    this.#timeoutMs = timeoutMs;
    this.#outage = outage;
  }

  /**
   * The counters of buckets, each once, without those of scopes that are switched off.
   *
   * @throws {TypeError} for an unknown scope
   */
  of(buckets: readonly RateLimitBucket[]): readonly Counter[] {
    const counters: Counter[] = [];
    for (const bucket of buckets) {
      const counter = this.#store.counterOf(bucket);
      if (counter && !counters.some(({ name }) => name === counter.name)) counters.push(counter);
    }
    return counters;
  }

  /**
   * Takes a point from each, or from none.
   *
   * @throws (rejects) when Redis cannot decide
   */
  async take(counters: readonly Counter[]): Promise<Taken | Refusal> {
    if (counters.length === 0) return { allowed: true, giveBack: async () => {} };
    const deadline = this.#begin(counters);
    try {
      const refusal = this.#isLikelyRefused(counters) ? await this.#look(counters, deadline) : undefined;
      return refusal ?? (await this.#takeAll(counters, deadline));
    } finally {
      deadline.end();
    }
  }

  /**
   * Says whether {@link take} would be refused, and takes nothing.
   *
   * @throws (rejects) when Redis cannot tell
   */
  async peek(counters: readonly Counter[]): Promise<Refusal | undefined> {
    if (counters.length === 0) return undefined;
    const deadline = this.#begin(counters);
    try {
      return await this.#refusalOf(
        this.#send(counters, (counter) => counter.peek()),
        deadline,
      );
    } finally {
      deadline.end();
    }
  }

  /** @throws when it is known that Redis will not answer */
  #begin(counters: readonly Counter[]): Deadline {
    const { client, connection } = this.#store;
    if (!connection.isAskable) throw new Error(`The Redis client is not connected: ${client.status}`);
    if (counters.some(({ isOverdue }) => isOverdue)) throw new Error('A command to Redis is overdue');
    return new Deadline(this.#timeoutMs);
  }

  /** Whether a look is worth its round trip. */
  #isLikelyRefused(counters: readonly Counter[]): boolean {
    return counters.length > 1 && counters.some(({ name }) => this.#refusals.has(name));
  }

  /** Refuses without a debit where a bucket has no point. */
  #look(counters: readonly Counter[], deadline: Deadline): Promise<Refusal | undefined> {
    return this.#refusalOf(
      this.#send(counters, (counter) => counter.look()),
      deadline,
    );
  }

  async #takeAll(counters: readonly Counter[], deadline: Deadline): Promise<Taken | Refusal> {
    const call = newCall();
    const attempts = this.#send(counters, (counter) => counter.take(call));
    const { refusal, failure } = await this.#outcomeOf(attempts, deadline);
    if (refusal === undefined && failure === undefined) {
      return { allowed: true, giveBack: () => this.#giveBack(counters, call) };
    }
    const undone = attempts.map((attempt) => attempt.undo(call));
    if (refusal === undefined) throw failure?.error;
    await deadline.wait(undone);
    return refusal;
  }

  #send(counters: readonly Counter[], command: (counter: Counter) => Promise<unknown>): readonly Attempt[] {
    this.#store.connection.writeTogether();
    return counters.map((counter) => new Attempt(counter, command(counter)));
  }

  /** The refusal of attempts that took nothing; rejects when there is none, but one of them failed. */
  async #refusalOf(attempts: readonly Attempt[], deadline: Deadline): Promise<Refusal | undefined> {
    const { refusal, failure } = await this.#outcomeOf(attempts, deadline);
    if (refusal === undefined && failure !== undefined) throw failure.error;
    return refusal;
  }

  /** What the buckets have said when all have, or the time is over. One that refuses is enough for a refusal. */
  async #outcomeOf(attempts: readonly Attempt[], deadline: Deadline): Promise<Outcome> {
    await deadline.wait(attempts.map(({ settled }) => settled));
    let refusal: Refusal | undefined;
    let failure: Failure | undefined;
    for (const attempt of attempts) {
      const { counter, retryAfterMs } = attempt;
      if (attempt.isPending) void counter.holdUntil(attempt.settled);
      failure ??= attempt.failure;
      if (retryAfterMs === undefined) {
        this.#refusals.delete(counter.name);
        continue;
      }
      this.#refusals.add(counter.name, retryAfterMs);
      if (retryAfterMs > (refusal?.retryAfterMs ?? 0)) {
        refusal = { allowed: false, scope: counter.scope, retryAfterMs };
      }
    }
    if (failure === undefined) this.#outage.answered();
    else this.#outage.failed(failure.error);
    return { refusal, failure };
  }

  async #giveBack(counters: readonly Counter[], call: string): Promise<void> {
    const deadline = new Deadline(this.#timeoutMs);
    const attempts = this.#send(counters, (counter) => counter.giveBack(call));
    await deadline.wait(attempts.map(({ settled }) => settled));
    deadline.end();
    const failure = attempts.find((attempt) => attempt.failure !== undefined)?.failure;
    if (failure !== undefined) this.#outage.failed(failure.error);
  }
}

type Failure = { readonly error: unknown };
type Outcome = { readonly refusal?: Refusal; readonly failure?: Failure };
