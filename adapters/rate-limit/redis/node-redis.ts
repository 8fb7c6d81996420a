import { createHash } from 'node:crypto';
import type { Connection, Script } from './connection.ts';
import { slotOf } from './slot.ts';

/** The part of a node-redis client (the package `redis`) that is used, in versions 5 and 6. */
export type NodeRedisClient = {
  /** False before `connect()`, and once the client is closed or has given up. */
  readonly isOpen: boolean;
  /** The number of listeners. node-redis throws an `error` event that has none. */
  listenerCount(event: 'error'): number;
  /** The command EVALSHA. */
  evalSha(sha1: string, script: { keys: string[]; arguments: string[] }): Promise<unknown>;
  /** The command EVAL. */
  eval(lua: string, script: { keys: string[]; arguments: string[] }): Promise<unknown>;
  /** The command SREM. */
  sRem(key: string, member: string): Promise<unknown>;
  /** The prefix for all keys, from the option `keyPrefix`. */
  readonly _keyPrefix?: string | Uint8Array | undefined;
} & (
  | {
      /** Whether a client of `createClient` is connected. */
      readonly isReady: boolean;
      readonly slots?: undefined;
    }
  | {
      /** Whether a client of `createCluster` knows its servers. Version 5 does not say. */
      readonly isReady?: boolean;
      /** The servers of each slot, once they are known. */
      readonly slots: readonly ({ readonly master: { readonly address: string } } | undefined)[];
    }
);

/**
 * The connection of a client of node-redis. Such a client sends the commands of one turn of the event loop in a single
 * write. When it loses its connection, it rejects the commands that have no reply, and sends none of them again.
 */
export class NodeRedisConnection implements Connection {
  readonly losesCommands = false;
  readonly #client: NodeRedisClient;

  constructor(client: NodeRedisClient) {
    this.#client = client;
  }

  /** Commands do not wait for the first connection either: the client does not tell it from a reconnection. */
  get isUsable(): boolean {
    const { isOpen, isReady, slots } = this.#client;
    return isOpen && (isReady ?? slots?.some((shard) => shard !== undefined) ?? false);
  }

  get error(): Error {
    return new Error(
      this.#client.isOpen
        ? 'The Redis client is not connected'
        : 'The Redis client is closed, or its connect() was not called',
    );
  }

  /** What is known about a connection goes with its commands, which all settle when it is lost. */
  isNew(): boolean {
    return false;
  }

  serverOf(redisKey: string): string {
    const { slots, _keyPrefix = '' } = this.#client;
    return slots?.[slotOf(`${_keyPrefix}${redisKey}`)]?.master.address ?? '';
  }

  writeTogether(): void {}

  defineScript(lua: string): Script {
    const client = this.#client;
    const sha1 = createHash('sha1').update(lua).digest('hex');
    return async (key, ...parameters) => {
      const script = { keys: [key], arguments: parameters };
      try {
        return await client.evalSha(sha1, script);
      } catch (error) {
        const isUnknown = error instanceof Error && error.message.startsWith('NOSCRIPT');
        if (!isUnknown) throw error;
        return client.eval(lua, script);
      }
    };
  }

  removeMember(redisKey: string, member: string): Promise<unknown> {
    return this.#client.sRem(redisKey, member);
  }
}
