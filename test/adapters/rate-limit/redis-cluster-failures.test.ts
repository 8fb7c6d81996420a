import { Cluster } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisRateLimit } from '../../../adapters/rate-limit/redis/index.ts';
import { eventually } from '../../../servers/eventually.ts';
import { RedisCluster } from '../../../servers/redis-cluster.ts';
import { consume, countAllowed, drain, Log, timed, times } from './redis-support.ts';

const DOWN = 'Redis is unavailable for rate limits: each process counts on its own';
const BACK = 'Redis is available for rate limits again';
const TIMEOUT_MS = 500;
const POINTS = 5;

let cluster: RedisCluster;
let client: Cluster;
let log: Log;
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => unhandled.push(reason);

beforeEach(() => {
  process.on('unhandledRejection', onUnhandled);
});

async function start(fullCoverage: 'yes' | 'no'): Promise<void> {
  cluster = await RedisCluster.start(['--cluster-require-full-coverage', fullCoverage]);
  client = new Cluster(cluster.addresses, { clusterRetryStrategy: () => 50, retryDelayOnFailover: 50 });
  client.on('error', () => {});
  await eventually('the client is connected', async () => client.status === 'ready');
  log = new Log();
}

afterEach(async () => {
  client?.disconnect();
  await cluster?.close();
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled.splice(0)).toEqual([]);
});

const newLimits = ({ logger } = log) =>
  new RedisRateLimit(client, {
    limits: { room: { points: POINTS, durationSeconds: 60 } },
    timeoutMs: TIMEOUT_MS,
    logger,
  });

/** Returns a key on each node, in the order of the nodes. */
async function keyOfEach(): Promise<string[]> {
  const keys = await Promise.all(
    cluster.nodes.map(async (node) => {
      const own = times(50, (index) => `!${index}:example.org`);
      const slots = await Promise.all(
        own.map((key) => client.cluster('KEYSLOT', `matrix-invite:room:${key}`)),
      );
      return own.find((_, index) => client.slots[Number(slots[index])]?.[0] === `127.0.0.1:${node.port}`);
    }),
  );
  return keys.filter((key) => key !== undefined);
}

const room = (key: string | undefined) => ({ scope: 'room' as const, key: key ?? '' });

describe.each(['killed', 'stopped'])('a node of a cluster that is %s', (what) => {
  it('is replaced by counts in memory, and keys on the other nodes are still counted exactly', async () => {
    await start('no');
    const [lost, ...kept] = await keyOfEach();
    const limits = newLimits();
    const other = newLimits();
    for (const key of [lost, ...kept]) await consume(limits, room(key));
    const [node] = cluster.nodes;
    if (what === 'killed') await node?.kill();
    else node?.signal('SIGSTOP');

    for (let tries = 0; tries < 10; tries += 1) {
      const { ms } = await timed(() => limits.consume([room(lost)]));
      expect(ms).toBeLessThan(TIMEOUT_MS + 10_000);
    }
    for (const key of kept) {
      const racing = times(20, (index) => (index % 2 ? limits : other).consume([room(key)]));
      expect(await countAllowed(racing)).toBe(POINTS - 1);
    }
    // One key that refuses is enough, even if another key is unavailable.
    for (const each of [other, newLimits(new Log())]) {
      expect((await each.consume([room(kept[0]), room(lost)])).allowed).toBe(false);
    }
    expect((await newLimits(new Log()).peek([room(kept[0]), room(lost)])).allowed).toBe(false);
    expect([...new Set(log.lines)]).toEqual([DOWN]);
    expect(log.lines.length).toBe(2);

    if (what === 'killed') await node?.startAgain();
    else node?.signal('SIGCONT');
    await eventually('the node is back', async () => {
      await Promise.all([limits, other].map((each) => each.consume([room(lost)])));
      return log.lines.length === 4;
    });
    expect(log.lines.slice(2)).toEqual([BACK, BACK]);
    // Redis does not know the calls that were allowed without it. The calls that it knows apply to all
    // processes.
    await drain(limits, room(lost));
    expect((await other.consume([room(lost)])).allowed).toBe(false);
  });
});

describe('a cluster that needs all of its nodes', () => {
  it('is replaced by counts in memory when it has lost one', async () => {
    await start('yes');
    const limits = newLimits();
    const keys = await keyOfEach();
    const [node] = cluster.nodes;
    await node?.kill();
    await eventually('the cluster is down', async () => {
      const [, other] = cluster.nodes;
      const info = await other?.admin((redis) => redis.cluster('INFO') as Promise<string>);
      return info?.includes('cluster_state:fail') ?? false;
    });
    for (const key of keys) {
      for (const allowed of [...times(POINTS, () => true), false]) {
        const { decision, ms } = await timed(() => limits.consume([room(key)]));
        expect(decision.allowed).toBe(allowed);
        expect(ms).toBeLessThan(TIMEOUT_MS + 10_000);
      }
    }
    expect(log.lines).toEqual([DOWN]);

    await node?.startAgain();
    await eventually('the cluster is back', async () => {
      await limits.consume([room('!prober:example.org')]);
      return log.lines.includes(BACK);
    });
    expect(await drain(limits, room('!new:example.org'))).toBe(POINTS);
    expect(log.lines).toEqual([DOWN, BACK]);
  });
});
