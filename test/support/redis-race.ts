import { once } from 'node:events';
import { RedisRateLimit } from '../../adapters/rate-limit/redis/index.ts';
import { eventually } from '../../servers/eventually.ts';
import { isReady, libraryOf } from './redis-clients.ts';

// Races against other processes for one key:
// redis-race.ts <library> <single|cluster> <comma-separated URLs> <points> <calls>
// Prints "ready", reads a start time in milliseconds from stdin, and prints how many of its calls were allowed.
const [name = '', kind, list = '', points, calls] = process.argv.slice(2);
const urls = list.split(',');
const library = libraryOf(name);
const client = kind === 'cluster' ? library.connectCluster(urls) : library.connect(urls[0] ?? '');
const limits = new RedisRateLimit(client, {
  limits: {
    inviter: { points: Number(calls), durationSeconds: 60 },
    room: { points: Number(points), durationSeconds: 60 },
  },
  timeoutMs: 20_000,
  onStoreError: 'deny',
});
await eventually('the client is connected', async () => isReady(client));
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
