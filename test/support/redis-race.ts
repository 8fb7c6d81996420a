import { once } from 'node:events';
import { Cluster, Redis } from 'ioredis';
import { RedisRateLimit } from '../../adapters/rate-limit/redis/index.ts';

// Races against other processes for one key: redis-race.ts <single|cluster> <comma-separated URLs> <points> <calls>
// Prints "ready", reads a start time in milliseconds from stdin, and prints how many of its calls were allowed.
const [kind, urls = '', points, calls] = process.argv.slice(2);
const client = kind === 'cluster' ? new Cluster(urls.split(',')) : new Redis(urls);
const limits = new RedisRateLimit(client, {
  limits: {
    inviter: { points: Number(calls), durationSeconds: 60 },
    room: { points: Number(points), durationSeconds: 60 },
  },
  timeoutMs: 20_000,
  onStoreError: 'deny',
});
await limits.consume([{ scope: 'room', key: '!warm-up:example.org' }]);
console.log('ready');
const [begin]: unknown[] = await once(process.stdin, 'data');
await new Promise((resolve) => setTimeout(resolve, Number(begin) - Date.now()));
const decisions = await Promise.all(
  Array.from({ length: Number(calls) }, () =>
    limits.consume([
      { scope: 'inviter', key: `@${process.pid}:example.org` },
      { scope: 'room', key: '!race:example.org' },
    ]),
  ),
);
console.log(decisions.filter(({ allowed }) => allowed).length);
client.disconnect();
process.stdin.destroy();
