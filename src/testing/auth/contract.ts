import { isUserId } from '../../rooms/identifiers.ts';
import { check, checkSame } from '../check.ts';
import { deadlineContext } from '../context.ts';
import type { ContractCase } from '../contract.ts';
import { range, shuffled } from '../random.ts';
import { type AuthHarness, authCase } from './harness.ts';
import { NEAR_MISSES, STRANGE_TOKENS } from './near-misses.ts';

const knownTokenCases: readonly ContractCase<AuthHarness>[] = [
  authCase({
    name: 'resolves the requester of each known token, every time',
    postcondition: 'authenticate 1',
    async run(harness) {
      const { known } = harness;
      check(
        new Set(known.map(({ userId }) => userId)).size >= 2,
        'the harness must know tokens of two users',
      );
      for (const { accessToken, userId } of [...known, ...known]) {
        checkSame(await answer(harness, accessToken), userId, 'requester');
        check(isUserId(userId), `${userId} is not a full user id`);
      }
    },
  }),
  authCase({
    name: 'still knows a token after unknown ones were tried',
    postcondition: 'authenticate 1',
    async run(harness) {
      for (const { accessToken, userId } of harness.known) {
        for (const _ of range(20)) await answer(harness, `${accessToken}x`);
        checkSame(await answer(harness, accessToken), userId, 'requester');
      }
    },
  }),
];

const nearMissCases: readonly ContractCase<AuthHarness>[] = Object.entries(NEAR_MISSES).map(([what, spoil]) =>
  authCase({
    name: `does not know a token by ${what}`,
    postcondition: 'authenticate 2',
    async run(harness) {
      const tokens = new Set(harness.known.map(({ accessToken }) => accessToken));
      const misses = [...tokens].map(spoil).filter((token) => token !== '' && !tokens.has(token));
      for (const token of misses) checkSame(await answer(harness, token), 'unknown', `answer to ${what}`);
    },
  }),
);

const unknownTokenCases: readonly ContractCase<AuthHarness>[] = [
  authCase({
    name: 'does not know the halves of two tokens put together',
    postcondition: 'authenticate 2',
    async run(harness) {
      const tokens = harness.known.map(({ accessToken }) => accessToken);
      for (const one of tokens) {
        for (const other of tokens) {
          const mixed = one.slice(0, one.length >> 1) + other.slice(other.length >> 1);
          if (!tokens.includes(mixed)) checkSame(await answer(harness, mixed), 'unknown', 'answer');
        }
      }
    },
  }),
  authCase({
    name: 'resolves unknown for strange tokens, and never rejects',
    postcondition: 'authenticate 2',
    async run(harness) {
      for (const token of STRANGE_TOKENS) {
        checkSame(await answer(harness, token), 'unknown', `answer to ${JSON.stringify(token.slice(0, 20))}`);
      }
    },
  }),
];

const otherCases: readonly ContractCase<AuthHarness>[] = [
  authCase({
    name: 'does not mix up concurrent calls, of known and unknown tokens',
    postcondition: 'authenticate 3',
    async run(harness) {
      const asked = shuffled(
        range(60).flatMap((round) => [
          ...harness.known,
          { accessToken: `nobody-${round}`, userId: 'unknown' },
        ]),
      );
      const answers = await Promise.all(asked.map(({ accessToken }) => answer(harness, accessToken)));
      const wrong = asked.filter(({ userId }, index) => answers[index] !== userId);
      checkSame(wrong.length, 0, `answers of ${asked.length} concurrent calls that belong to another token`);
    },
  }),
  authCase({
    name: 'rejects when its store cannot be reached, and calls no token unknown',
    postcondition: 'authenticate 4',
    requires: 'unreachable',
    async run(harness) {
      const adapter = await harness.unreachable();
      for (const { accessToken } of harness.known) {
        const seen = await answer({ ...harness, adapter }, accessToken).catch(() => 'rejected');
        checkSame(seen, 'rejected', 'answer');
      }
    },
  }),
];

/** What every authentication adapter must do: the promises of `AuthAdapter`. */
const assertionCases: readonly ContractCase<AuthHarness>[] = [
  authCase({
    name: 'does not let a token speak for the user that the request asserts',
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
];

/** A case for every numbered promise of `AuthAdapter` that can be tested from outside. */
export const authContract: readonly ContractCase<AuthHarness>[] = [
  ...knownTokenCases,
  ...nearMissCases,
  ...unknownTokenCases,
  ...otherCases,
  ...assertionCases,
];

/** The requester's user id, or the failure. The token is a secret: no message may hold it. */
async function answer({ adapter, makeRequest }: AuthHarness, accessToken: string): Promise<string> {
  const result = await adapter.authenticate(makeRequest(accessToken), deadlineContext());
  return 'requester' in result ? result.requester.userId : result.failure;
}
