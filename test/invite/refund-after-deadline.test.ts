import { expect, it } from 'vitest';
import { limits, seedRoom } from '../http/support.ts';
import { aliceInvitesBob, never, refusalOf, serviceOn } from './support.ts';

it('a refund that hangs does not delay the response beyond the deadline', async () => {
  const limit = limits(1);
  const { service, store } = serviceOn({
    rateLimit: { consume: (buckets) => limit.consume(buckets), refund: () => never() },
    beforeAppend: () => never(),
    deadlineMs: 50,
  });
  await seedRoom(store);
  // The refund never ends, so any response is in time.
  expect(await refusalOf(service.invite(aliceInvitesBob))).toMatchObject({ status: 503 });
});
