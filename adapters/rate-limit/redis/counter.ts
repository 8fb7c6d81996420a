import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { randomBlock } from '../../../src/internal/random-block.ts';
import type { RateLimitBucket, RateLimitScope } from '../../../src/ports/rate-limit.ts';
import type { FullRateLimits, RateLimit } from '../shared/limits.ts';
import type { Connection, Script } from './connection.ts';
import { countsIn, expectRefund } from './reply.ts';

/*
 * How points are counted
 *
 * A key holds the set of the calls that were allowed in its window, a random number for each, and expires
 * with the window. To consume a point, the call's number is added if the set has fewer than `points` members.
 * To refund it, the number is removed. Both are one atomic step on one key. A set, instead of the usual
 * count, has these advantages:
 *
 * - If a command runs twice, the second run has no effect. When a connection breaks, ioredis resends the
 *   commands that had no reply; a Cluster always does. A count would be lowered twice, which allows one call
 *   too many.
 * - A refund can be sent even if the outcome of a call is unknown, and long after the window: the set of the
 *   next window does not contain the number. No clocks are compared.
 * - A refused call leaves no trace. The script of rate-limiter-flexible would count it.
 * - A set disappears with its last member, and its window with it. A window therefore never starts with a
 *   call that was refused or refunded.
 *
 * The numbers fit into 64 bits, so Redis packs a set of up to 512 of them into 8 bytes each.
 */

/**
 * ARGV has what rate-limiter-flexible passes (points of this call, window, limit, window), followed by the
 * call's number. Most calls need three commands: an additional SISMEMBER and PTTL for each call would cost
 * Redis a third more time.
 *
 * A key without an expiry, or one that expires later than its window can end, starts a new window: otherwise,
 * users would wait for as long as the clock of Redis was set back.
 */
const CONSUME_SCRIPT = `
local key, seconds, limit, call = KEYS[1], ARGV[2], tonumber(ARGV[3]), ARGV[5]
local taken = redis.call('SCARD', key)
if taken < limit then
  taken = taken + redis.call('SADD', key, call)
elseif redis.call('SISMEMBER', key, call) == 0 then
  taken = taken + 1
end
local ttl = redis.call('PTTL', key)
if ttl == -1 or ttl > 1000 * seconds then
  redis.call('EXPIRE', key, seconds)
  ttl = 1000 * seconds
end
return { taken, ttl }`;

const PEEK_SCRIPT = `return { redis.call('SCARD', KEYS[1]), redis.call('PTTL', KEYS[1]) }`;

/**
 * Returns a number for a new call: 64 random bits, unique across all processes. With a call of `randomBytes`
 * for each number, a decision would cost 15 % more CPU time.
 */
export const newCallNumber: () => string = randomBlock(8, 512, (block, start) =>
  block.readBigInt64BE(start).toString(),
);

/**
 * Prepares a connection for counters.
 *
 * @returns a function that returns the counter of a bucket, or undefined if its scope is disabled. It throws
 *   a TypeError for an unknown scope.
 */
export function countersOn(
  connection: Connection,
  limits: FullRateLimits,
  keyPrefix: string,
): (bucket: RateLimitBucket) => Counter | undefined {
  const peek = connection.defineScript(PEEK_SCRIPT);
  const consume = connection.defineScript(CONSUME_SCRIPT);
  const commandsOf = (scope: RateLimitScope): ScopeCommands | false => {
    const limit = limits[scope];
    if (limit === false) return false;
    return {
      limit,
      namespace: `${keyPrefix}:${scope}:`,
      peek,
      consume: consumeThroughLibrary(consume, limit),
      refund: (redisKey, call) => connection.removeMember(redisKey, call),
    };
  };
  const scopes: ReadonlyMap<RateLimitScope, ScopeCommands | false> = new Map([
    ['attempt', commandsOf('attempt')],
    ['inviter', commandsOf('inviter')],
    ['room', commandsOf('room')],
    ['invitee', commandsOf('invitee')],
  ]);
  return ({ scope, key }) => {
    const commands = scopes.get(scope);
    if (commands === undefined) throw new TypeError(`Unknown rate limit scope "${scope}"`);
    return commands ? new Counter(scope, key, commands) : undefined;
  };
}

/** The data that the counters of a scope share. */
type ScopeCommands = {
  readonly limit: RateLimit;
  /** The start of a key in Redis, followed by the key of the bucket. */
  readonly namespace: string;
  readonly peek: Script;
  /** Resolves to a `RateLimiterRes`, also for a call that is refused. */
  readonly consume: CallCommand;
  readonly refund: CallCommand;
};

type CallCommand = (redisKey: string, call: string) => Promise<unknown>;

/** Counts the points of one bucket. */
export class Counter {
  readonly scope: RateLimitScope;
  readonly key: string;
  readonly redisKey: string;
  readonly commands: ScopeCommands;

  constructor(scope: RateLimitScope, key: string, commands: ScopeCommands) {
    this.scope = scope;
    this.key = key;
    this.redisKey = commands.namespace + key;
    this.commands = commands;
  }
}

/** A command for a counter, and what its reply means. */
export type CounterCommand = {
  /** Can throw. */
  send(counter: Counter): Promise<unknown>;
  /**
   * Returns the milliseconds until the counter has a point: 0 if it has one.
   *
   * @throws for a reply that is no answer to the command
   */
  waitIn(reply: unknown, counter: Counter): number;
};

/** Consumes a point for a call. */
export function consumeFor(call: string): CounterCommand {
  return {
    send: ({ commands, redisKey }) => commands.consume(redisKey, call),
    waitIn(result, { commands: { limit } }) {
      const { consumedPoints, msBeforeNext } = result as RateLimiterRes;
      return consumedPoints > limit.points ? waitOf(msBeforeNext, limit) : 0;
    },
  };
}

/** Refunds the point that a call has consumed, if it has. */
export function refundOf(call: string): CounterCommand {
  return {
    send: ({ commands, redisKey }) => commands.refund(redisKey, call),
    waitIn(reply) {
      expectRefund(reply);
      return 0;
    },
  };
}

/** Refuses if `consumeFor` would, with the same wait. Consumes nothing. */
export const peek: CounterCommand = {
  send: ({ commands, redisKey }) => commands.peek(redisKey),
  waitIn(reply, { commands: { limit } }) {
    const { count, ttlMs } = countsIn(reply, 0);
    return count >= limit.points ? waitOf(ttlMs, limit) : 0;
  },
};

/** Like `peek`, except that it allows a key that expires too late or never: only `consumeFor` repairs it. */
export const peekBeforeConsume: CounterCommand = {
  send: peek.send,
  waitIn(reply, { commands: { limit } }) {
    const { count, ttlMs } = countsIn(reply, 0);
    return count >= limit.points && isOfWindow(ttlMs, limit) ? waitOf(ttlMs, limit) : 0;
  },
};

/** Returns the milliseconds until a full window ends. */
function waitOf(ttlMs: number, limit: RateLimit): number {
  return isOfWindow(ttlMs, limit) ? Math.max(ttlMs, 1) : limit.durationSeconds * 1_000;
}

/** False for a key that `consumeFor` repairs. */
function isOfWindow(ttlMs: number, { durationSeconds }: RateLimit): boolean {
  return ttlMs >= 0 && ttlMs <= durationSeconds * 1_000;
}

/**
 * Runs the consume script through a limiter of rate-limiter-flexible. Its `consume` has no parameter for the
 * call, so the call's number travels in front of the key. One limiter then serves all calls.
 */
function consumeThroughLibrary(script: Script, { points, durationSeconds }: RateLimit): CallCommand {
  const limiter = new RateLimiterRedis({
    storeClient: clientFor(script),
    keyPrefix: '',
    points,
    duration: durationSeconds,
  });
  return (redisKey, call) => limiter.consume(`${call} ${redisKey}`).catch(resolveRefusal);
}

/** The library rejects a call that is refused. */
function resolveRefusal(rejection: unknown): RateLimiterRes {
  if (rejection instanceof RateLimiterRes) return rejection;
  throw rejection;
}

/**
 * The client as rate-limiter-flexible sees it. The library defines its script under the same name for all
 * limiters, which would replace the script of the host app's own limiters on the same client. It believes any
 * reply: `QUEUED` would count as a point that was granted.
 */
function clientFor(script: Script): object {
  const client = {
    defineCommand(name: string) {
      Object.assign(client, {
        async [name]([callAndKey = '', ...parameters]: readonly string[]) {
          // The key can contain spaces, the number of the call cannot.
          const end = callAndKey.indexOf(' ');
          const reply = await script(callAndKey.slice(end + 1), ...parameters, callAndKey.slice(0, end));
          const { count, ttlMs } = countsIn(reply, 1);
          return [count, ttlMs];
        },
      });
    },
  };
  return client;
}
