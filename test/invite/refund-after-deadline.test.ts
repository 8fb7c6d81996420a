import { expect, it } from 'vitest';
import { limits, seedRoom } from '../http/support.ts';
import { aliceInvitesBob, never, refusalOf, serviceOn, timed } from './support.ts';

it('a refund that hangs does not delay the response beyond the deadline', async () => {
  const limit = limits(1);
  const { service, store } = serviceOn({
    rateLimit: { consume: (buckets) => limit.consume(buckets), refund: () => never() },
    beforeAppend: () => never(),
    deadlineMs: 50,
  });
  await seedRoom(store);
  const { value, milliseconds } = await timed(() => refusalOf(service.invite(aliceInvitesBob)));
  expect(value).toMatchObject({ status: 503 });
  expect(milliseconds).toBeLessThan(900);
}, 3_000);
