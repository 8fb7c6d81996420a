import { isUserId } from '../../rooms/identifiers.ts';
import { check, checkSame } from '../check.ts';
import { abortedContext, deadlineContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import { HarnessFailure } from '../harness-failure.ts';
import { range, shuffled } from '../random.ts';
import { type AuthHarness, authCase } from './harness.ts';
import { NEAR_MISSES, STRANGE_TOKENS } from './near-misses.ts';

const knownTokenCases: readonly ContractCase<AuthHarness>[] = [
  authCase({
    name: 'resolves the requester of each known token, every time',
    postcondition: 'authenticate 1',
    async run(harness) {
      const { known } = harness;
      if (new Set(known.map(({ userId }) => userId)).size < 2) {
        throw new HarnessFailure('known', 'it must contain tokens of at least two users');
      }
      for (const { accessToken, userId } of [...known, ...known]) {
        checkSame(await resultOf(harness, accessToken), userId, 'requester');
        check(isUserId(userId), `${userId} is not a full user ID`);
      }
    },
  }),
  authCase({
    name: 'still knows a token after unknown tokens were tried',
    postcondition: 'authenticate 1',
    async run(harness) {
      for (const { accessToken, userId } of harness.known) {
        for (const _ of range(20)) await resultOf(harness, `${accessToken}x`);
        checkSame(await resultOf(harness, accessToken), userId, 'requester');
      }
    },
  }),
];

const nearMissCases: readonly ContractCase<AuthHarness>[] = Object.entries(NEAR_MISSES).map(([what, spoil]) =>
  authCase({
    name: `resolves unknown for ${what}`,
    postcondition: 'authenticate 2',
    async run(harness) {
      const tokens = new Set(harness.known.map(({ accessToken }) => accessToken));
      const misses = [...tokens].map(spoil).filter((token) => token !== '' && !tokens.has(token));
      for (const token of misses) checkSame(await resultOf(harness, token), 'unknown', `result for ${what}`);
    },
  }),
);

const unknownTokenCases: readonly ContractCase<AuthHarness>[] = [
  authCase({
    name: 'resolves unknown for the halves of two tokens combined',
    postcondition: 'authenticate 2',
    async run(harness) {
      const tokens = harness.known.map(({ accessToken }) => accessToken);
      for (const one of tokens) {
        for (const other of tokens) {
          const mixed = one.slice(0, one.length >> 1) + other.slice(other.length >> 1);
          if (!tokens.includes(mixed)) checkSame(await resultOf(harness, mixed), 'unknown', 'result');
        }
      }
    },
  }),
  authCase({
    name: 'resolves unknown for strange tokens, and never rejects',
    postcondition: 'authenticate 2',
    async run(harness) {
      for (const token of STRANGE_TOKENS) {
        checkSame(
          await resultOf(harness, token),
          'unknown',
          `result for ${JSON.stringify(token.slice(0, 20))}`,
        );
      }
    },
  }),
];

const otherCases: readonly ContractCase<AuthHarness>[] = [
  authCase({
    name: 'does not mix up concurrent calls with known and unknown tokens',
    postcondition: 'authenticate 3',
    async run(harness) {
      const calls = shuffled(
        range(60).flatMap((round) => [
          ...harness.known,
          { accessToken: `nobody-${round}`, userId: 'unknown' },
        ]),
      );
      const results = await Promise.all(calls.map(({ accessToken }) => resultOf(harness, accessToken)));
      const wrong = calls.filter(({ userId }, index) => results[index] !== userId);
      checkSame(wrong.length, 0, `results of ${calls.length} concurrent calls that belong to another token`);
    },
  }),
  authCase({
    name: 'rejects, or knows the token, if the deadline has passed',
    postcondition: 'authenticate 4',
    async run({ adapter, known, makeRequest }) {
      for (const { accessToken, userId } of known) {
        const seen = await adapter.authenticate(makeRequest(accessToken), abortedContext()).then(
          (result) => ('requester' in result ? result.requester.userId : result.failure),
          () => userId,
        );
        checkSame(seen, userId, 'result');
      }
    },
  }),
  authCase({
    name: 'rejects if its store cannot be reached, instead of resolving unknown',
    postcondition: 'authenticate 4',
    requires: ['unreachable'],
    async run(harness) {
      const adapter = await harness.unreachable();
      for (const { accessToken } of harness.known) {
        const seen = await resultOf({ ...harness, adapter }, accessToken).catch(() => 'rejected');
        checkSame(seen, 'rejected', 'result');
      }
    },
  }),
];

const assertionCases: readonly ContractCase<AuthHarness>[] = [
  authCase({
    name: 'does not let a token act as the user that the request asserts',
    postcondition: 'authenticate 5',
    async run({ adapter, known, makeRequest }) {
      for (const { accessToken, userId } of known) {
        const assertedUserId = known.find((other) => other.userId !== userId)?.userId ?? '';
        const request = { ...makeRequest(accessToken), assertedUserId, assertedDeviceId: 'ASSERTED' };
        const result = await adapter.authenticate(request, deadlineContext());
        if ('requester' in result) checkSame(result.requester.userId, userId, 'requester');
      }
    },
  }),
  authCase({
    name: 'knows a token whatever user the request asserts',
    postcondition: 'authenticate 5',
    async run({ adapter, known, makeRequest }) {
      for (const { accessToken, userId } of known) {
        for (const { userId: assertedUserId } of known) {
          const request = { ...makeRequest(accessToken), assertedUserId };
          const result = await adapter.authenticate(request, deadlineContext());
          const seen = 'requester' in result ? result.requester.userId : result.failure;
          // An application service may not act as a user outside of its namespace.
          if (seen === 'forbidden' && assertedUserId !== userId) continue;
          checkSame(seen, userId, `result for a request that asserts ${assertedUserId}`);
        }
      }
    },
  }),
  authCase({
    name: 'knows a token whatever device the request asserts',
    postcondition: 'authenticate 5',
    async run({ adapter, known, makeRequest }) {
      for (const { accessToken, userId } of known) {
        const request = { ...makeRequest(accessToken), assertedDeviceId: 'ASSERTED' };
        const result = await adapter.authenticate(request, deadlineContext());
        const seen = 'requester' in result ? result.requester.userId : result.failure;
        // An application service may only act as a device that exists.
        if (seen === 'unknownDevice') continue;
        checkSame(seen, userId, 'result for a request that asserts a device');
      }
    },
  }),
  authCase({
    name: 'resolves unknown for an unknown token whatever user the request asserts',
    postcondition: 'authenticate 5',
    async run({ adapter, known, makeRequest }) {
      for (const { userId: assertedUserId } of known) {
        const request = { ...makeRequest('nobody'), assertedUserId };
        const result = await adapter.authenticate(request, deadlineContext());
        checkSame(result, { failure: 'unknown' }, 'result');
      }
    },
  }),
];

/** The cases that every authentication adapter must pass: the promises of `AuthAdapter`. */
export const authContract: readonly ContractCase<AuthHarness>[] = [
  ...knownTokenCases,
  ...nearMissCases,
  ...unknownTokenCases,
  ...otherCases,
  ...assertionCases,
];

/** Returns the requester's user ID, or the failure. The token is a secret: no message may contain it. */
async function resultOf({ adapter, makeRequest }: AuthHarness, accessToken: string): Promise<string> {
  const result = await adapter.authenticate(makeRequest(accessToken), deadlineContext());
  return 'requester' in result ? result.requester.userId : result.failure;
}
