import { createHash } from 'node:crypto';
import { type Connection, OWN_CONNECTION, type Script } from './connection.ts';
import { slotOf } from './slot.ts';

/**
 * The part of an ioredis client that is used: `Redis` and `Cluster` have it, in versions 5 and 6, and so do those of
 * its fork iovalkey.
 */
export type IoredisClient = {
  /** The state of the connection: `ready`, `reconnecting`, … */
  readonly status: string;
  /** Adds a Lua script as a method of that name. */
  defineCommand(name: string, definition: { lua: string; numberOfKeys?: number }): void;
  /** The command SREM. */
  srem(key: string, member: string): Promise<unknown>;
  /** The socket of a `Redis`, once it has one. */
  readonly stream?: {
    /** Starts to buffer writes. */
    cork(): void;
    /** Writes the buffered data. */
    uncork(): void;
  } | null;
  /** The addresses of the servers of each slot of a `Cluster`, the master first. */
  readonly slots?: readonly (readonly string[] | undefined)[];
  /** The options of the client. */
  readonly options?: {
    /** A prefix for all keys. */
    readonly keyPrefix?: string | undefined;
    /** Whether commands without a reply are sent again on the next connection. Default true. */
    readonly autoResendUnfulfilledCommands?: boolean | undefined;
  };
};

/** The states of a client before its first connection: with `lazyConnect`, the first command connects it. */
const NOT_YET_CONNECTED: readonly string[] = ['wait', 'connecting', 'connect'];

/** The connection of a client of ioredis or iovalkey. */
export class IoredisConnection implements Connection {
  readonly #client: IoredisClient;
  #isFirst = true;
  /** The socket that commands were last sent on. */
  #used: IoredisClient['stream'];
  #corked: IoredisClient['stream'];

  constructor(client: IoredisClient) {
    this.#client = client;
  }

  get isUsable(): boolean {
    const { status } = this.#client;
    if (!NOT_YET_CONNECTED.includes(status)) this.#isFirst = false;
    return this.#isFirst || status === 'ready';
  }

  get error(): Error {
    const { status } = this.#client;
    return new Error(
      status === 'monitoring'
        ? `The Redis client is in monitor mode: ${OWN_CONNECTION}`
        : `The Redis client is not connected: ${status}`,
    );
  }

  get losesCommands(): boolean {
    return this.#client.options?.autoResendUnfulfilledCommands === false;
  }

  isNew(): boolean {
    const { status, stream } = this.#client;
    if (status !== 'ready' || !stream || stream === this.#used) return false;
    const isFirst = this.#used === undefined;
    this.#used = stream;
    return !isFirst;
  }

  serverOf(redisKey: string): string {
    const { slots, options } = this.#client;
    return slots?.[slotOf((options?.keyPrefix ?? '') + redisKey)]?.[0] ?? '';
  }

  /**
   * Includes the commands for the three buckets of a call, and those of other calls. A write costs more than the rest
   * of a command: this saves 8 % of a request in memory, and a fifth of the work of Redis. A `Cluster` has one socket
   * per node and writes each command separately.
   */
  writeTogether(): void {
    const { stream } = this.#client;
    if (!stream || stream === this.#corked) return;
    this.#corked = stream;
    stream.cork();
    process.nextTick(() => {
      this.#corked = undefined;
      stream.uncork();
    });
  }

  /**
   * Adds the script to the client as a command, so that ioredis sends the whole script only once per connection.
   *
   * A client has one script per name, and the last definition wins for everyone who shares the client. The name
   * contains a hash of the script, so it cannot replace another script, not even that of another version of
   * this package. Raw `evalsha` needs no name, but ioredis 5 with `enableAutoPipelining` sends it to the wrong
   * node of a cluster.
   */
  defineScript(lua: string): Script {
    const client = this.#client;
    const name = `matrixInvite${createHash('sha256').update(lua).digest('hex').slice(0, 16)}`;
    client.defineCommand(name, { lua, numberOfKeys: 1 });
    return (key, ...parameters) => {
      const command: unknown = Reflect.get(client, name);
      if (typeof command !== 'function') throw new Error('The Redis client has lost a command');
      return command.call(client, key, ...parameters);
    };
  }

  removeMember(redisKey: string, member: string): Promise<unknown> {
    return this.#client.srem(redisKey, member);
  }
}
