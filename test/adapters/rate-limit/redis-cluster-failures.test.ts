import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisRateLimit } from '../../../adapters/rate-limit/redis/index.ts';
import { slotOf } from '../../../adapters/rate-limit/redis/slot.ts';
import { eventually } from '../../../servers/eventually.ts';
import { RedisCluster } from '../../../servers/redis-cluster.ts';
import { type Library, newest, nodeOf, type TestClient } from '../../support/redis-clients.ts';
import { connected, consume, countAllowed, drain, Log, timed, times } from './redis-support.ts';

const DOWN = 'Redis is unavailable for rate limits: each process counts on its own';
const BACK = 'Redis is available for rate limits again';
const TIMEOUT_MS = 500;
const POINTS = 5;

let cluster: RedisCluster;
let client: TestClient;
let log: Log;
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => unhandled.push(reason);

beforeEach(() => {
  process.on('unhandledRejection', onUnhandled);
});

async function start(library: Library, fullCoverage: 'yes' | 'no'): Promise<void> {
  cluster = await RedisCluster.start(['--cluster-require-full-coverage', fullCoverage]);
  client = library.connectCluster(cluster.urls);
  await connected(client);
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
function keyOfEach(): string[] {
  const keys = times(50, (index) => `!${index}:example.org`);
  return cluster.nodes.flatMap(
    ({ port }) =>
      keys.find((key) => nodeOf(client, slotOf(`matrix-invite:room:${key}`)) === `127.0.0.1:${port}`) ?? [],
  );
}

const room = (key: string | undefined) => ({ scope: 'room' as const, key: key ?? '' });

describe.each(newest)('a node of a cluster, with $name', (library) => {
  it.each(['killed', 'stopped'])(
    'that is %s is replaced by counts in memory, and other keys are still counted exactly',
    async (what) => {
      await start(library, 'no');
      const [lost, ...kept] = keyOfEach();
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
    },
  );
});

describe.each(newest)('a cluster that needs all of its nodes, with $name', (library) => {
  it('is replaced by counts in memory when it has lost one', async () => {
    await start(library, 'yes');
    const limits = newLimits();
    const keys = keyOfEach();
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
