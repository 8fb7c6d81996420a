import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { installedCommand } from './debian-package.ts';
import { eventually } from './eventually.ts';
import { freePort, listenBriefly } from './free-port.ts';
import { startOnFreePort } from './start-on-free-port.ts';

/** The nodes of a cluster talk to each other on their port plus this number. */
const CLUSTER_BUS_OFFSET = 10_000;

/**
 * A private Redis server on a free port, in a temporary folder. It loses its data when it is killed. For tests that
 * kill, pause or reconfigure the server; other tests use `TestRedis`.
 */
export class RedisServer {
  readonly port: number;
  readonly #binary: string;
  readonly #folder: string;
  readonly #parameters: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, binary: string, folder: string, parameters: readonly string[]) {
    this.port = port;
    this.#binary = binary;
    this.#folder = folder;
    this.#parameters = parameters;
    process.once('exit', this.#killNow);
  }

  /**
   * @param parameters for the command line, such as `['--maxmemory', '3mb']`
   * @throws {Error} with the command that installs Redis, if it is missing and cannot be installed
   */
  static async start(parameters: readonly string[] = []): Promise<RedisServer> {
    const binary = await installedCommand('redis-server');
    return startOnFreePort(async () => {
      const folder = await mkdtemp(join(tmpdir(), 'invite-redis-'));
      return new RedisServer(await freePortWithBus(), binary, folder, parameters);
    });
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts a killed server again, on the same port. */
  async startAgain(): Promise<void> {
    const address = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder];
    const withoutPersistence = ['--save', '', '--appendonly', 'no', '--daemonize', 'no'];
    const parameters = [...address, ...withoutPersistence, ...this.#parameters];
    const child = spawn(this.#binary, parameters, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#process = child;
    let output = '';
    child.stdout.on('data', (text) => {
      output = `${output}${text}`.slice(-1_000);
    });
    await Promise.race([
      once(child, 'exit'),
      eventually('Redis responds', async () => {
        // Another Redis may have taken the port.
        const info = await this.admin((redis) => redis.info('server'));
        return info.includes(`process_id:${child.pid}\r`);
      }),
    ]);
    if (child.exitCode !== null) throw new Error(`Redis did not start: ${output.trim()}`);
  }

  /** Ends the server like a crash. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Pauses (`SIGSTOP`) or resumes (`SIGCONT`) the server. While paused, it keeps its connections and sends nothing. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.#process?.kill(signal) !== true) throw new Error('The server is not running');
  }

  /** Runs commands on a connection that is opened for them. */
  admin<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    return withConnection(this.url, work);
  }

  /** Returns every key with the milliseconds until it expires: −1 if it never does. */
  ttls(): Promise<Map<string, number>> {
    return this.admin(ttlsOf);
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

/** Opens a connection for some work. It does not reconnect. */
export async function withConnection<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  let connectionError: Error | undefined;
  redis.on('error', (error) => {
    connectionError = error;
  });
  try {
    await redis.connect().catch((error: Error) => {
      throw connectionError ?? error;
    });
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

export async function ttlsOf(redis: Redis): Promise<Map<string, number>> {
  const ttls = new Map<string, number>();
  for (const key of await redis.keys('*')) {
    const ttl = await redis.pttl(key);
    const isGone = ttl === -2;
    if (!isGone) ttls.set(key, ttl);
  }
  return ttls;
}

/** Returns a free port whose cluster bus port is free as well. */
async function freePortWithBus(): Promise<number> {
  for (;;) {
    const port = await freePort();
    const bus = port + CLUSTER_BUS_OFFSET;
    if (bus < 65_536 && (await listenBriefly(bus).catch(() => undefined)) === bus) return port;
  }
}
