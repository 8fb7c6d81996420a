import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { installedCommand } from './debian-package.ts';

/** A cluster's nodes talk to each other on a port this much higher. */
const BUS_OFFSET = 10_000;

/** A Redis server of a test's own, on a free port and in a folder of its own. It keeps nothing when it is killed. */
export class RedisServer {
  readonly port: number;
  readonly #binary: string;
  readonly #folder: string;
  readonly #settings: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, binary: string, folder: string, settings: readonly string[]) {
    this.port = port;
    this.#binary = binary;
    this.#folder = folder;
    this.#settings = settings;
    process.once('exit', this.#killNow);
  }

  /**
   * @param settings as on the command line: `['--maxmemory', '3mb']`
   * @throws {Error} with the command that would help, where Redis is neither installed nor can be
   */
  static async start(settings: readonly string[] = []): Promise<RedisServer> {
    const binary = await installedCommand('redis-server');
    const folder = await mkdtemp(join(tmpdir(), 'invite-redis-'));
    const server = new RedisServer(await freePort(), binary, folder, settings);
    try {
      await server.startAgain();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  /** Starts the killed server on the same port. */
  async startAgain(): Promise<void> {
    const basic = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder];
    const volatile = ['--save', '', '--appendonly', 'no', '--daemonize', 'no'];
    this.#process = spawn(this.#binary, [...basic, ...volatile, ...this.#settings], { stdio: 'ignore' });
    await eventually('Redis answers', async () => (await this.admin((redis) => redis.ping())) === 'PONG');
  }

  /** Ends the server as a crash would. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Stops (`SIGSTOP`) or resumes (`SIGCONT`) the server: stopped, it keeps its connections and answers nothing. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.#process?.kill(signal) !== true) throw new Error('the server is not running');
  }

  /** Gives commands on a connection of their own. */
  async admin<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null });
    redis.on('error', () => {});
    try {
      await redis.connect();
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  }

  /** Every key, with the milliseconds until it expires: −1 where it never does. */
  ttls(): Promise<Map<string, number>> {
    return this.admin(async (redis) => {
      const ttls = new Map<string, number>();
      for (const key of await redis.keys('*')) {
        const ttl = await redis.pttl(key);
        const isGone = ttl === -2;
        if (!isGone) ttls.set(key, ttl);
      }
      return ttls;
    });
  }

  /** Kills the server and removes its folder. */
  async close(): Promise<void> {
    await this.kill();
    process.off('exit', this.#killNow);
    await rm(this.#folder, { recursive: true, force: true });
  }

  readonly #killNow = () => {
    this.#process?.kill('SIGKILL');
  };
}

/** A Redis Cluster of three nodes without replicas. */
export class RedisCluster {
  readonly nodes: readonly RedisServer[];

  private constructor(nodes: readonly RedisServer[]) {
    this.nodes = nodes;
  }

  /** @param settings of every node */
  static async start(settings: readonly string[] = []): Promise<RedisCluster> {
    const clustered = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', ...settings];
    const nodes: RedisServer[] = [];
    const cluster = new RedisCluster(nodes);
    try {
      for (let index = 0; index < 3; index += 1) nodes.push(await RedisServer.start(clustered));
      await cluster.#join();
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  get addresses(): { host: string; port: number }[] {
    return this.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
  }

  /** What `redis-cli --cluster create` does, in a second instead of several. */
  async #join(): Promise<void> {
    const slots = Array.from({ length: 16_384 }, (_, slot) => slot);
    for (const [index, node] of this.nodes.entries()) {
      await node.admin(async (redis) => {
        await redis.cluster('SET-CONFIG-EPOCH', index + 1);
        await redis.cluster('ADDSLOTS', ...slots.filter((slot) => Math.floor((slot * 3) / 16_384) === index));
      });
    }
    const [first] = this.nodes;
    await first?.admin(async (redis) => {
      for (const { host, port } of this.addresses.slice(1)) await redis.cluster('MEET', host, port);
    });
    await eventually('the cluster is complete', async () => {
      const infos = await Promise.all(
        this.nodes.map((node) => node.admin((redis) => redis.cluster('INFO') as Promise<string>)),
      );
      return infos.every(
        (info) => info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3'),
      );
    });
  }
}

/** Resolves when something has become true; a failing look counts as not yet. */
export async function eventually(what: string, look: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await look().catch(() => false)) return;
    await delay(25);
  }
  throw new Error(`not within 10 seconds: ${what}`);
}

/** A port that nobody listens on at the moment, nor on that of its bus. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = await listenOnce(0);
    const bus = port + BUS_OFFSET;
    if (bus < 65_536 && (await listenOnce(bus).catch(() => undefined)) === bus) return port;
  }
}

async function listenOnce(port: number): Promise<number> {
  const server = createServer();
  const listening = once(server, 'listening');
  server.listen(port, '127.0.0.1');
  await listening;
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
