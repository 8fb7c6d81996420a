import { eventually } from './eventually.ts';
import { RedisServer } from './redis-server.ts';

const NODES = 3;
const SLOTS = 16_384;

/** A private Redis Cluster of three nodes without replicas. */
export class RedisCluster {
  readonly nodes: readonly RedisServer[];

  private constructor(nodes: readonly RedisServer[]) {
    this.nodes = nodes;
  }

  /** @param parameters for the command line of every node */
  static async start(parameters: readonly string[] = []): Promise<RedisCluster> {
    const clustered = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', ...parameters];
    const nodes: RedisServer[] = [];
    const cluster = new RedisCluster(nodes);
    try {
      for (let index = 0; index < NODES; index += 1) nodes.push(await RedisServer.start(clustered));
      await cluster.#join();
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  get urls(): string[] {
    return this.nodes.map(({ url }) => url);
  }

  /** Kills the nodes and removes their folders. */
  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
  }

  /** Does what `redis-cli --cluster create` does, in one second instead of several. */
  async #join(): Promise<void> {
    const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
    for (const [index, node] of this.nodes.entries()) {
      await node.admin(async (redis) => {
        await redis.cluster('SET-CONFIG-EPOCH', index + 1);
        const ownSlots = slots.filter((slot) => Math.floor((slot * NODES) / SLOTS) === index);
        await redis.cluster('ADDSLOTS', ...ownSlots);
      });
    }
    const [first] = this.nodes;
    await first?.admin(async (redis) => {
      for (const { port } of this.nodes.slice(1)) await redis.cluster('MEET', '127.0.0.1', port);
    });
    await eventually('the cluster is complete', async () => {
      const infos = await Promise.all(
        this.nodes.map((node) => node.admin((redis) => redis.cluster('INFO') as Promise<string>)),
      );
      return infos.every(
        (info) => info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${NODES}`),
      );
    });
  }
}
