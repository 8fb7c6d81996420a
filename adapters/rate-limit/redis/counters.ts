import { RateLimiterRes } from 'rate-limiter-flexible';
import { ExpiringMap } from '../../../src/internal/expiring-map.ts';
import type { Outage } from '../../../src/internal/outage.ts';
import type { RateLimitBucket } from '../../../src/ports/rate-limit.ts';
import type { FullRateLimits, LimitRefusal } from '../shared/limits.ts';
import { Connection, type RedisClient } from './client.ts';
import { type Counter, countersOn, newCallNumber } from './counter.ts';
import { DecisionTimer } from './decision-timer.ts';

type CountersConfig = {
  readonly limits: FullRateLimits;
  readonly keyPrefix: string;
  /** The maximum time that one decision waits for Redis, in milliseconds. */
  readonly timeoutMs: number;
  /** Receives every failure. */
  readonly outage: Outage;
};

/** A consumed point of each counter. `refund` never rejects. */
export type Consumed = { readonly allowed: true; readonly refund: () => Promise<void> };

/** The maximum number of counters that are remembered as full. */
const MAX_KNOWN_FULL = 10_000;

/** The counters in Redis: consumes a point from several of them, or from none, within a time limit. */
export class Counters {
  readonly #client: RedisClient;
  readonly #connection: Connection;
  readonly #counterOf: (bucket: RateLimitBucket) => Counter | undefined;
  readonly #timeoutMs: number;
  readonly #outage: Outage;
  /**
   * The Redis keys of counters that have refused recently, as seen by this process: a hint, never a decision.
   */
  readonly #knownFull = new ExpiringMap<true>(MAX_KNOWN_FULL);
  /**
   * The Redis keys with a command that had no reply when its decision ran out of time, and still has none.
   */
  readonly #overdue = new Set<string>();

  constructor(client: RedisClient, { limits, keyPrefix, timeoutMs, outage }: CountersConfig) {
    this.#client = client;
    this.#connection = new Connection(client);
    this.#counterOf = countersOn(client, limits, keyPrefix);
    this.#timeoutMs = timeoutMs;
    this.#outage = outage;
  }

  /**
   * Returns the counters of buckets, each once, without those of disabled scopes.
   *
   * @throws {TypeError} for an unknown scope
   */
  of(buckets: readonly RateLimitBucket[]): readonly Counter[] {
    const counters: Counter[] = [];
    for (const bucket of buckets) {
      const counter = this.#counterOf(bucket);
      if (counter && !counters.some(({ redisKey }) => redisKey === counter.redisKey)) counters.push(counter);
    }
    return counters;
  }

  /**
   * Consumes a point from each counter, or from none.
   *
   * @throws (rejects) if Redis cannot decide
   */
  async consume(counters: readonly Counter[]): Promise<Consumed | LimitRefusal> {
    if (counters.length === 0) return { allowed: true, refund: async () => {} };
    const timer = this.#startTimer(counters);
    try {
      const refusal = this.#isLikelyRefused(counters)
        ? await this.#peekBeforeConsume(counters, timer)
        : undefined;
      return refusal ?? (await this.#consumeEach(counters, timer));
    } finally {
      timer.stop();
    }
  }

  /**
   * Returns the refusal that {@link consume} would return, if any. Consumes nothing.
   *
   * @throws (rejects) if Redis cannot tell
   */
  async peek(counters: readonly Counter[]): Promise<LimitRefusal | undefined> {
    if (counters.length === 0) return undefined;
    const timer = this.#startTimer(counters);
    try {
      const commands = this.#send(counters, (counter) => counter.peek());
      return await this.#refusalOf(commands, timer);
    } finally {
      timer.stop();
    }
  }

  /** @throws if it is known that Redis will not reply */
  #startTimer(counters: readonly Counter[]): DecisionTimer {
    const { isUsable } = this.#connection;
    const isOverdue = counters.some(({ redisKey }) => this.#overdue.has(redisKey));
    if (isUsable && !isOverdue) return new DecisionTimer(this.#timeoutMs);
    throw new Error(
      isUsable
        ? 'A command to Redis is overdue'
        : `The Redis client is not connected: ${this.#client.status}`,
    );
  }

  /** True if a peek before the consumption is worth a round trip. */
  #isLikelyRefused(counters: readonly Counter[]): boolean {
    return (
      counters.length > 1 && counters.some(({ redisKey }) => this.#knownFull.get(redisKey) !== undefined)
    );
  }

  #peekBeforeConsume(counters: readonly Counter[], timer: DecisionTimer): Promise<LimitRefusal | undefined> {
    const commands = this.#send(counters, (counter) => counter.peekBeforeConsume());
    return this.#refusalOf(commands, timer);
  }

  /** Consumes from each counter. If one of them refuses or fails, refunds what the others have consumed. */
  async #consumeEach(counters: readonly Counter[], timer: DecisionTimer): Promise<Consumed | LimitRefusal> {
    const call = newCallNumber();
    const commands = this.#send(counters, (counter) => counter.consume(call));
    const { refusal, failure } = await this.#resultOf(commands, timer);
    if (refusal === undefined && failure === undefined) {
      return { allowed: true, refund: () => this.#refund(counters, call) };
    }
    const refunds = commands.map((command) => command.refund(call));
    if (refusal === undefined) throw failure?.error;
    await timer.wait(refunds);
    return refusal;
  }

  async #refund(counters: readonly Counter[], call: string): Promise<void> {
    const timer = new DecisionTimer(this.#timeoutMs);
    const commands = this.#send(counters, (counter) => counter.refund(call));
    await timer.wait(commands.map(({ settled }) => settled));
    timer.stop();
    const failure = commands.find((command) => command.failure !== undefined)?.failure;
    if (failure !== undefined) this.#outage.reportFailure(failure.error);
  }

  #send(
    counters: readonly Counter[],
    command: (counter: Counter) => Promise<unknown>,
  ): readonly SentCommand[] {
    this.#connection.writeTogether();
    return counters.map((counter) => new SentCommand(counter, command(counter)));
  }

  /**
   * Returns the refusal of commands that consume nothing. Rejects if there is none, but one of them failed.
   */
  async #refusalOf(
    commands: readonly SentCommand[],
    timer: DecisionTimer,
  ): Promise<LimitRefusal | undefined> {
    const { refusal, failure } = await this.#resultOf(commands, timer);
    if (refusal === undefined && failure !== undefined) throw failure.error;
    return refusal;
  }

  /**
   * Waits for the replies, at most until the time is over. One refusal is enough, even if other commands
   * failed.
   */
  async #resultOf(
    commands: readonly SentCommand[],
    timer: DecisionTimer,
  ): Promise<{ readonly refusal?: LimitRefusal; readonly failure?: Failure }> {
    await timer.wait(commands.map(({ settled }) => settled));
    let refusal: LimitRefusal | undefined;
    let failure: Failure | undefined;
    for (const command of commands) {
      const { scope, redisKey } = command.counter;
      const { retryAfterMs } = command;
      if (command.isPending) void this.#holdUntil(command.settled, redisKey);
      failure ??= command.failure;
      if (retryAfterMs === undefined) {
        this.#knownFull.delete(redisKey);
        continue;
      }
      this.#knownFull.set(redisKey, true, retryAfterMs);
      if (retryAfterMs > (refusal?.retryAfterMs ?? 0)) refusal = { allowed: false, scope, retryAfterMs };
    }
    if (failure === undefined) this.#outage.reportSuccess();
    else this.#outage.reportFailure(failure.error);
    return { refusal, failure };
  }

  /** Sends no other command for a key until its overdue one has settled. */
  async #holdUntil(settled: Promise<void>, redisKey: string): Promise<void> {
    this.#overdue.add(redisKey);
    await settled;
    this.#overdue.delete(redisKey);
  }
}

type Failure = { readonly error: unknown };

/** A command that was sent for one counter, and its result so far. */
class SentCommand {
  readonly counter: Counter;
  /** Resolves when Redis has replied or failed. Never rejects. */
  readonly settled: Promise<void>;
  #state: 'pending' | 'done' | 'refused' | 'failed' = 'pending';
  #retryAfterMs = 0;
  #error: unknown;

  /** @param reply rejects with a `RateLimiterRes` if no point is left */
  constructor(counter: Counter, reply: Promise<unknown>) {
    this.counter = counter;
    this.settled = reply.then(
      () => {
        this.#state = 'done';
      },
      (error: unknown) => this.#fail(error),
    );
  }

  get isPending(): boolean {
    return this.#state === 'pending';
  }

  /** Milliseconds until a point is free. Set if the counter refused. */
  get retryAfterMs(): number | undefined {
    return this.#state === 'refused' ? this.#retryAfterMs : undefined;
  }

  /** Set if the outcome in Redis is unknown. */
  get failure(): Failure | undefined {
    if (this.#state === 'failed') return { error: this.#error };
    return this.isPending ? { error: new Error('Redis did not reply in time') } : undefined;
  }

  /**
   * Refunds the point that a call may have consumed, once it is known whether Redis refused. If the refund
   * fails, the point is free again when the window ends.
   */
  async refund(call: string): Promise<void> {
    await this.settled;
    if (this.#state !== 'refused') await this.counter.refund(call).catch(() => {});
  }

  #fail(error: unknown): void {
    if (error instanceof RateLimiterRes) {
      this.#state = 'refused';
      this.#retryAfterMs = Math.max(Number(error.msBeforeNext), 1);
    } else {
      this.#state = 'failed';
      this.#error = error;
    }
  }
}
