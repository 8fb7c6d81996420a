import { describe, expect, it } from 'vitest';
import { authContract } from '../../src/testing/auth/contract.ts';
import { pendingAddressInvitesContract } from '../../src/testing/pending-address-invites/contract.ts';
import { rateLimitContract } from '../../src/testing/rate-limit/contract.ts';
import { roomStoreContract } from '../../src/testing/room-store/contract.ts';
import { storageContract } from '../../src/testing/storage/contract.ts';
import { ReferenceAuth } from './reference/auth.ts';
import {
  authHarness,
  pendingAddressesHarness,
  rateLimitHarness,
  realTimeRateLimitHarness,
  roomStoreHarness,
  storageHarness,
} from './reference/harnesses.ts';
import { numberedTablesHarness } from './reference/numbered-tables.ts';
import { ReferenceRateLimit } from './reference/rate-limit.ts';
import { roleTablesHarness } from './reference/role-tables.ts';
import { testContract } from './support.ts';

testContract('a correct room store', storageContract, async () => storageHarness());
testContract(
  'a host app with tables of members and roles',
  storageContract,
  async () => roleTablesHarness(),
  ['putState', 'eventIds', 'secondInstance', 'crash', 'unreachable', 'refusedContent', 'recall'],
);
testContract(
  'a host app that numbers its rooms and users',
  storageContract,
  async () => numberedTablesHarness(),
  ['putState', 'eventIds', 'secondInstance', 'crash', 'unreachable', 'recall'],
  ['longUserIds', 'longStrings', 'nul'],
);
testContract('a correct room store', roomStoreContract, async () => roomStoreHarness());
testContract('a correct rate limit', rateLimitContract, async () => rateLimitHarness(ReferenceRateLimit));
testContract('a correct store of pending invites by address', pendingAddressInvitesContract, async () =>
  pendingAddressesHarness(),
);
testContract('a correct authentication adapter', authContract, async () => authHarness(ReferenceAuth));

describe('a correct rate limit with a real clock', () => {
  it('passes without advance', async () => {
    const cases = rateLimitContract.filter(({ requires }) => !requires?.includes('secondInstance'));
    const results = await Promise.allSettled(cases.map((each) => each.run(realTimeRateLimitHarness(2_000))));
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
  });
});
