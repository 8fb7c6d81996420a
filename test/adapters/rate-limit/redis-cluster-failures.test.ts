import { Cluster } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisRateLimit } from '../../../adapters/rate-limit/redis/index.ts';
import { eventually, RedisCluster } from '../../support/redis-server.ts';
import { countAllowed, drain, Log, take, timed, times } from './redis-support.ts';

const DOWN = 'Redis cannot be asked for rate limits: each process counts rate limits for itself';
const BACK = 'Redis can be asked for rate limits again';
const TIMEOUT_MS = 100;
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

/** A key on each node, the first node's first. */
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
  it('is done without; keys of the other nodes are counted on, exactly', async () => {
    await start('no');
    const [lost, ...kept] = await keyOfEach();
    const limits = newLimits();
    const other = newLimits();
    for (const key of [lost, ...kept]) await take(limits, room(key));
    const [node] = cluster.nodes;
    if (what === 'killed') await node?.kill();
    else node?.signal('SIGSTOP');

    for (let tries = 0; tries < 10; tries += 1) {
      const { ms } = await timed(() => limits.consume([room(lost)]));
      expect(ms).toBeLessThan(TIMEOUT_MS + 250);
    }
    for (const key of kept) {
      const racing = times(20, (index) => (index % 2 ? limits : other).consume([room(key)]));
      expect(await countAllowed(racing)).toBe(POINTS - 1);
    }
    // One key that refuses is enough, whatever cannot be asked beside it.
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
    // What was allowed without Redis is not known to it; what it knows is kept by all.
    await drain(limits, room(lost));
    expect((await other.consume([room(lost)])).allowed).toBe(false);
  });
});

describe('a cluster that needs all of its nodes', () => {
  it('is done without when it has lost one', async () => {
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
        const { answer, ms } = await timed(() => limits.consume([room(key)]));
        expect(answer.allowed).toBe(allowed);
        expect(ms).toBeLessThan(TIMEOUT_MS + 250);
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
