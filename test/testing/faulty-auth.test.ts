import { describe } from 'vitest';
import { authContract } from '../../src/testing/auth/contract.ts';
import * as faulty from './faulty/auth.ts';
import { type Fault, fault } from './faulty/fault.ts';
import type { ReferenceAuth } from './reference/auth.ts';
import { authHarness } from './reference/harnesses.ts';
import { itCatches } from './support.ts';

const FAULTS: readonly Fault<typeof ReferenceAuth>[] = [
  fault(faulty.ComparesByStartsWith, 'authenticate 2', 'resolves unknown for a token without its last'),
  fault(faulty.IgnoresCase, 'authenticate 2', 'resolves unknown for a token in upper case'),
  fault(faulty.NormalizesTokens, 'authenticate 2', 'resolves unknown for a decomposed token'),
  fault(faulty.TrimsTokens, 'authenticate 2', 'resolves unknown for a token with a trailing space'),
  fault(faulty.LooksUpWithLike, 'authenticate 2', 'resolves unknown for a token with a wildcard'),
  fault(faulty.TokensInAPlainObject, 'authenticate 2', 'resolves unknown for strange tokens'),
  fault(faulty.RejectsUnknownTokens, 'authenticate 2', 'resolves unknown for strange tokens'),
  fault(faulty.ResolvesLocalparts, 'authenticate 1', 'resolves the requester'),
  fault(faulty.LocksEverybodyOut, 'authenticate 1', 'still knows a token'),
  fault(faulty.RemembersTheLastToken, 'authenticate 3', 'does not mix up'),
  fault(faulty.BelievesAssertions, 'authenticate 5', 'does not let a token act'),
  fault(faulty.RefusesAssertions, 'authenticate 5', 'knows a token whatever user'),
  fault(faulty.RefusesDevices, 'authenticate 5', 'knows a token whatever device'),
  fault(faulty.BelievesAssertionsWithoutAToken, 'authenticate 5', 'resolves unknown for an unknown token'),
  fault(faulty.UnknownWhenAborted, 'authenticate 4', 'rejects, or knows the token'),
];

describe('the authentication contract', () => {
  itCatches(FAULTS, authContract, async (Auth) => authHarness(Auth));
});
