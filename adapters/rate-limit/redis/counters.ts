import { ExpiringMap } from '../../../src/internal/expiring-map.ts';
import type { Outage } from '../../../src/internal/outage.ts';
import { readable } from '../../../src/internal/thrown.ts';
import type { RateLimitBucket } from '../../../src/ports/rate-limit.ts';
import type { FullRateLimits, LimitRefusal } from '../shared/limits.ts';
import { Circuits } from './circuits.ts';
import type { Connection } from './connection.ts';
import {
  type Counter,
  type CounterCommand,
  consumeFor,
  countersOn,
  newCallNumber,
  peek,
  peekBeforeConsume,
  refundOf,
} from './counter.ts';
import { DecisionTimer } from './decision-timer.ts';
import { isFromRedis, withAdvice } from './reply.ts';

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

/**
 * The maximum number of commands without a reply. The client keeps each of them, and a Redis that hangs is only
 * noticed after the timeout. A Redis that works replies to so many in far less than the default timeout.
 */
const MAX_WAITING = 10_000;

/** The counters in Redis: consumes a point from several of them, or from none, within a time limit. */
export class Counters {
  readonly #connection: Connection;
  readonly #circuits: Circuits;
  readonly #counterOf: (bucket: RateLimitBucket) => Counter | undefined;
  readonly #timeoutMs: number;
  readonly #outage: Outage;
  /**
   * The Redis keys of counters that have refused recently, as seen by this process: a hint, never a decision.
   */
  readonly #knownFull = new ExpiringMap<true>(MAX_KNOWN_FULL);
  #tally: Tally = { waiting: 0 };

  constructor(connection: Connection, { limits, keyPrefix, timeoutMs, outage }: CountersConfig) {
    this.#connection = connection;
    this.#circuits = new Circuits(connection);
    this.#counterOf = countersOn(connection, limits, keyPrefix);
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
   * @param keptCount the number of counters, from the first on, whose points are never refunded once all are consumed
   * @throws (rejects) if Redis cannot decide
   */
  async consume(counters: readonly Counter[], keptCount = 0): Promise<Consumed | LimitRefusal> {
    if (counters.length === 0) return { allowed: true, refund: async () => {} };
    const timer = this.#startTimer(counters);
    try {
      const refusal = this.#isLikelyRefused(counters)
        ? await this.#peekBeforeConsume(counters, timer)
        : undefined;
      return refusal ?? (await this.#consumeEach(counters, keptCount, timer));
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
      return await this.#refusalOf(this.#send(counters, peek), timer);
    } finally {
      timer.stop();
    }
  }

  /** @throws if it is known that Redis will not reply */
  #startTimer(counters: readonly Counter[]): DecisionTimer {
    if (!this.#connection.isUsable) throw this.#connection.error;
    this.#noticeNewConnection();
    if (this.#tally.waiting >= MAX_WAITING) throw new Error('Too many commands to Redis have no reply yet');
    this.#circuits.admit(counters);
    return new DecisionTimer(this.#timeoutMs);
  }

  /** True if a peek before the consumption is worth a round trip. */
  #isLikelyRefused(counters: readonly Counter[]): boolean {
    return (
      counters.length > 1 && counters.some(({ redisKey }) => this.#knownFull.get(redisKey) !== undefined)
    );
  }

  #peekBeforeConsume(counters: readonly Counter[], timer: DecisionTimer): Promise<LimitRefusal | undefined> {
    return this.#refusalOf(this.#send(counters, peekBeforeConsume), timer);
  }

  /** Consumes from each counter. If one of them refuses or fails, refunds what the others have consumed. */
  async #consumeEach(
    counters: readonly Counter[],
    keptCount: number,
    timer: DecisionTimer,
  ): Promise<Consumed | LimitRefusal> {
    const call = newCallNumber();
    const commands = this.#send(counters, consumeFor(call));
    const { refusal, failure } = await this.#resultOf(commands, timer);
    if (refusal === undefined && failure === undefined) {
      const refundable = keptCount === 0 ? counters : counters.slice(keptCount);
      return { allowed: true, refund: () => this.#refund(refundable, call) };
    }
    const refunds = commands.map((command) => this.#refundAfter(command, call));
    if (refusal === undefined) throw failure?.error;
    await timer.wait(refunds);
    return refusal;
  }

  /**
   * Refunds the point that a command may have consumed, once it is known whether Redis refused. If the refund
   * fails, the point is free again when the window ends.
   */
  async #refundAfter(command: SentCommand, call: string): Promise<void> {
    await command.settled;
    if (command.retryAfterMs !== undefined) return;
    await new SentCommand(command.counter, refundOf(call), this.#tally).settled;
  }

  /** Sends the refund in any case, but does not wait for a Redis that is known not to reply. */
  async #refund(counters: readonly Counter[], call: string): Promise<void> {
    const known = this.#connection.isUsable
      ? this.#circuits.errorOf(counters)
      : { error: this.#connection.error };
    const commands = this.#send(counters, refundOf(call));
    if (known !== undefined) {
      this.#outage.reportFailure(known.error);
      return;
    }
    const timer = new DecisionTimer(this.#timeoutMs);
    await timer.wait(commands.map(({ settled }) => settled));
    timer.stop();
    for (const command of commands) {
      this.#watch(command);
      if (command.failure !== undefined) this.#outage.reportFailure(command.failure.error);
    }
  }

  #noticeNewConnection(): void {
    if (!this.#connection.isNew()) return;
    this.#circuits.closeAll();
    if (this.#connection.losesCommands) this.#tally = { waiting: 0 };
  }

  #send(counters: readonly Counter[], command: CounterCommand): readonly SentCommand[] {
    this.#connection.writeTogether();
    return counters.map((counter) => new SentCommand(counter, command, this.#tally));
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
      this.#watch(command);
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

  #watch(command: SentCommand): void {
    this.#noticeNewConnection();
    // The client has lost it together with its connection. That says nothing about the new one.
    if (command.isPending && command.tally !== this.#tally) return;
    if (command.isAnswered) this.#circuits.close(command);
    else void this.#circuits.open(command, command.failure?.error, command.isPending);
  }
}

type Failure = { readonly error: unknown };

/** The number of commands without a result, without those that the client has lost. */
type Tally = { waiting: number };

/** A command that was sent for one counter, and its result so far. */
class SentCommand {
  readonly counter: Counter;
  /** Where it is counted until it has a result. */
  readonly tally: Tally;
  /** Resolves when Redis has replied or failed. Never rejects. */
  readonly settled: Promise<void>;
  #state: 'pending' | 'done' | 'refused' | 'rejected' | 'failed' = 'pending';
  #retryAfterMs = 0;
  #error: unknown;

  constructor(counter: Counter, command: CounterCommand, tally: Tally) {
    this.counter = counter;
    this.tally = tally;
    tally.waiting += 1;
    this.settled = sent(command, counter).then(
      (reply) => {
        tally.waiting -= 1;
        this.#read(reply, command);
      },
      (thrown: unknown) => {
        tally.waiting -= 1;
        const error = readable(thrown);
        this.#state = isFromRedis(error) ? 'rejected' : 'failed';
        this.#error = withAdvice(error);
      },
    );
  }

  get isPending(): boolean {
    return this.#state === 'pending';
  }

  /** True if Redis itself has answered, even with an error. */
  get isAnswered(): boolean {
    return !this.isPending && this.#state !== 'failed';
  }

  /** Milliseconds until a point is free. Set if the counter refused. */
  get retryAfterMs(): number | undefined {
    return this.#state === 'refused' ? this.#retryAfterMs : undefined;
  }

  /** Set if the outcome in Redis is unknown. */
  get failure(): Failure | undefined {
    if (this.isPending) return { error: new Error('Redis did not reply in time') };
    return this.#state === 'rejected' || this.#state === 'failed' ? { error: this.#error } : undefined;
  }

  #read(reply: unknown, command: CounterCommand): void {
    try {
      this.#retryAfterMs = command.waitIn(reply, this.counter);
      this.#state = this.#retryAfterMs > 0 ? 'refused' : 'done';
    } catch (error) {
      this.#state = 'failed';
      this.#error = error;
    }
  }
}

/** Sends a command. An error that it throws becomes a rejection. */
function sent(command: CounterCommand, counter: Counter): Promise<unknown> {
  try {
    return command.send(counter);
  } catch (error) {
    return Promise.reject(error);
  }
}
