import { createHash } from 'node:crypto';

/** What is used of a client of ioredis: its `Redis` and its `Cluster` have it, in versions 5 and 6. */
export type RedisClient = {
  /** Where the connection stands: `ready`, `reconnecting`, … */
  readonly status: string;
  /** Adds a Lua script, as a method of that name. */
  defineCommand(name: string, definition: { lua: string; numberOfKeys?: number }): void;
  /** The command SREM. */
  srem(key: string, member: string): Promise<unknown>;
  /** The socket of a `Redis`, once it has one. */
  readonly stream?: {
    /** Holds back what is written. */
    cork(): void;
    /** Writes what was held back. */
    uncork(): void;
  } | null;
};

/** A Lua script on a client. It touches one key, so that it runs on a cluster too. It may also throw. */
export type Script = (key: string, ...parameters: readonly string[]) => Promise<unknown>;

/** What a client is before its first connection: one that connects lazily is connected by the first command. */
const NOT_YET_CONNECTED: readonly string[] = ['wait', 'connecting', 'connect'];

/** Follows whether a client can be asked. */
export class Connection {
  readonly #client: RedisClient;
  #isFirst = true;
  #corked: RedisClient['stream'];

  constructor(client: RedisClient) {
    this.#client = client;
  }

  /** Whether a command would be sent, or wait for the first connection. One that was lost is not waited for. */
  get isAskable(): boolean {
    const { status } = this.#client;
    if (!NOT_YET_CONNECTED.includes(status)) this.#isFirst = false;
    return this.#isFirst || status === 'ready';
  }

  /**
   * Makes one write of all that is sent before the event loop goes on: the three buckets of a call, and the other
   * calls whose answers came together. A write costs more than the rest of a command: this saves 8 % of a request in
   * memory, and a fifth of what Redis does. A `Cluster` has a socket a node, and writes each command by itself.
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
}

/**
 * Adds a script to a client, as a command of its own: ioredis then sends the whole text only once a connection.
 *
 * A client has one script by a name, and the last that was defined wins, for everyone who shares the client. So the
 * name is made of the script's text: it can replace nobody else's, nor that of another version of this package.
 * Raw `evalsha` would need no name, but ioredis 5 with `enableAutoPipelining` sends it to the wrong node of a cluster.
 */
export function defineScript(client: RedisClient, lua: string): Script {
  const name = `matrixInvite${createHash('sha256').update(lua).digest('hex').slice(0, 16)}`;
  client.defineCommand(name, { lua, numberOfKeys: 1 });
  return (key, ...parameters) => {
    const command: unknown = Reflect.get(client, name);
    if (typeof command !== 'function') throw new Error('The Redis client has lost a command');
    return command.call(client, key, ...parameters);
  };
}
