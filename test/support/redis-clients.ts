import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import { Redis as Valkey, Cluster as ValkeyCluster } from 'iovalkey';
import { createClient, createCluster } from 'redis';
import { createClient as createClient5, createCluster as createCluster5 } from 'redis5';
import type { RedisClient } from '../../adapters/rate-limit/redis/index.ts';

/** A client that tests can disconnect. */
export type TestClient = RedisClient & {
  disconnect(): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
};

type ClusterOptions = { readonly keyPrefix?: string };

/** A library that `RedisRateLimit` takes clients of. Its clients reconnect after 50 ms. */
export type Library = {
  readonly name: string;
  connect(url: string): TestClient;
  connectCluster(urls: readonly string[], options?: ClusterOptions): TestClient;
};

const retryStrategy = () => 50;
const clusterOptions = { clusterRetryStrategy: retryStrategy, retryDelayOnFailover: 50 };
const socket = { reconnectStrategy: 50 };

function listening<Client extends TestClient>(client: Client): Client {
  client.on('error', () => {});
  return client;
}

function connecting<Client extends TestClient & { connect(): Promise<unknown> }>(client: Client): Client {
  // It rejects if the test ends first.
  listening(client)
    .connect()
    .catch(() => {});
  return client;
}

const rootNodesOf = (urls: readonly string[]) => urls.map((url) => ({ url }));

export const ioredis6: Library = {
  name: 'ioredis 6',
  connect: (url) => listening(new Redis(url, { retryStrategy })),
  connectCluster: (urls, redisOptions = {}) =>
    listening(new Cluster([...urls], { ...clusterOptions, redisOptions })),
};

export const ioredis5: Library = {
  name: 'ioredis 5',
  connect: (url) => listening(new Redis5(url, { retryStrategy })),
  connectCluster: (urls, redisOptions = {}) =>
    listening(new Cluster5([...urls], { ...clusterOptions, redisOptions })),
};

const iovalkey: Library = {
  name: 'iovalkey',
  connect: (url) => listening(new Valkey(url, { retryStrategy })),
  connectCluster: (urls) => listening(new ValkeyCluster([...urls], clusterOptions)),
};

export const nodeRedis6: Library = {
  name: 'node-redis 6',
  connect: (url) => connecting(createClient({ url, socket: { ...socket } })),
  connectCluster: (urls, options) =>
    connecting(createCluster({ rootNodes: rootNodesOf(urls), defaults: { socket }, ...options })),
};

const nodeRedis5: Library = {
  name: 'node-redis 5',
  connect: (url) => connecting(createClient5({ url, socket: { ...socket } })),
  connectCluster: (urls) =>
    connecting(createCluster5({ rootNodes: rootNodesOf(urls), defaults: { socket } })),
};

export const libraries: readonly Library[] = [ioredis6, ioredis5, iovalkey, nodeRedis6, nodeRedis5];

/** @throws {Error} for an unknown name */
export function libraryOf(name: string): Library {
  const library = libraries.find((each) => each.name === name);
  if (library === undefined) throw new Error(`Unknown library ${name}`);
  return library;
}

/** For tests in which only the newest version of each kind of client can matter. */
export const newest: readonly Library[] = [ioredis6, nodeRedis6];

/** True if a client is connected: a cluster, if it knows its nodes. */
export function isReady(client: TestClient): boolean {
  if ('status' in client) return client.status === 'ready';
  return client.isReady ?? client.slots?.some((shard) => shard !== undefined) ?? false;
}

/** The address of the node that has a slot. */
export function nodeOf({ slots }: TestClient, slot: number): string | undefined {
  const shard = slots?.[slot];
  return shard && 'master' in shard ? shard.master.address : shard?.[0];
}

/** The number of commands that a client keeps until they have a reply. */
export function kept(client: TestClient): number {
  const queue: unknown = Reflect.get(client, '_getQueue')?.call(client);
  if (queue !== undefined) return numberIn(queue, 'pendingCount');
  return (
    numberIn(Reflect.get(client, 'commandQueue'), 'length') +
    numberIn(Reflect.get(client, 'offlineQueue'), 'length')
  );
}

function numberIn(object: unknown, name: string): number {
  return typeof object === 'object' && object !== null ? Number(Reflect.get(object, name)) : 0;
}

/** Sends a command that the limiter does not use. */
export function send(
  client: TestClient,
  ...command: [name: string, ...parameters: string[]]
): Promise<unknown> {
  const sendCommand: unknown = Reflect.get(client, 'call' in client ? 'call' : 'sendCommand');
  if (typeof sendCommand !== 'function') throw new Error('This client sends no raw commands');
  return 'call' in client ? sendCommand.apply(client, command) : sendCommand.call(client, command);
}
