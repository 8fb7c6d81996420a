import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installedCommand } from './debian-package.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { RedisServer, withConnection } from './redis-server.ts';
import { startOnFreePort } from './start-on-free-port.ts';

/** The name by which a Sentinel knows its master. */
export const MASTER_NAME = 'counts';

/** A private Redis master with a replica, and one Sentinel, which makes the replica the master when that is gone. */
export class RedisSentinel {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly port: number;
  readonly #binary: string;
  readonly #folder: string;
  #process: ChildProcess | undefined;

  private constructor(servers: [RedisServer, RedisServer], port: number, binary: string, folder: string) {
    [this.master, this.replica] = servers;
    this.port = port;
    this.#binary = binary;
    this.#folder = folder;
    process.once('exit', this.#killNow);
  }

  static async start(): Promise<RedisSentinel> {
    const binary = await installedCommand('redis-server');
    const master = await RedisServer.start();
    const replica = await RedisServer.start(['--replicaof', '127.0.0.1', String(master.port)]);
    try {
      await eventually('the replica is connected', async () =>
        (await replica.admin((redis) => redis.info('replication'))).includes('master_link_status:up'),
      );
      return await startOnFreePort(async () => {
        const folder = await mkdtemp(join(tmpdir(), 'invite-sentinel-'));
        return new RedisSentinel([master, replica], await freePort(), binary, folder);
      });
    } catch (error) {
      await Promise.all([master.close(), replica.close()]);
      throw error;
    }
  }

  async startAgain(): Promise<void> {
    const path = join(this.#folder, 'sentinel.conf');
    const monitor = `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${this.master.port} 1`;
    // Until `failOver`, a master that is slow on a busy machine is not replaced.
    const waits = `sentinel down-after-milliseconds ${MASTER_NAME} 60000\nsentinel failover-timeout ${MASTER_NAME} 5000`;
    await writeFile(path, `port ${this.port}\nbind 127.0.0.1\ndir ${this.#folder}\n${monitor}\n${waits}\n`);
    const child = spawn(this.#binary, [path, '--sentinel'], { stdio: 'ignore' });
    this.#process = child;
    await Promise.race([
      once(child, 'exit'),
      eventually('the Sentinel knows the replica', async () => {
        const replicas = await this.#send('SENTINEL', 'REPLICAS', MASTER_NAME);
        return Array.isArray(replicas) && replicas.length === 1;
      }),
    ]);
    if (child.exitCode !== null) throw new Error('The Sentinel did not start');
  }

  /** Kills the master, and waits until the replica is the master. */
  async failOver(): Promise<void> {
    await this.#send('SENTINEL', 'SET', MASTER_NAME, 'down-after-milliseconds', '1000');
    await this.master.kill();
    await eventually('the replica is the master', async () =>
      (await this.replica.admin((redis) => redis.info('replication'))).includes('role:master'),
    );
  }

  /** Kills the servers and removes their folders. */
  async close(): Promise<void> {
    this.#killNow();
    process.off('exit', this.#killNow);
    await Promise.all([this.master.close(), this.replica.close()]);
    await rm(this.#folder, { recursive: true, force: true });
  }

  #send(command: string, ...parameters: string[]): Promise<unknown> {
    return withConnection(`redis://127.0.0.1:${this.port}`, (redis) => redis.call(command, ...parameters));
  }

  readonly #killNow = () => {
    this.#process?.kill('SIGKILL');
  };
}
