import { describe } from 'vitest';
import { rateLimitContract } from '../../src/testing/rate-limit/contract.ts';
import { type Fault, fault } from './faulty/fault.ts';
import * as peeking from './faulty/peek.ts';
import * as faulty from './faulty/rate-limit.ts';
import { rateLimitHarness } from './reference/harnesses.ts';
import type { ReferenceRateLimit } from './reference/rate-limit.ts';
import { itCatches } from './support.ts';

const FAULTS: readonly Fault<typeof ReferenceRateLimit>[] = [
  fault(faulty.KeepsThePointsOfRefusedCalls, 'consume 1', 'leaves the other buckets untouched when room'),
  fault(faulty.KeepsThePointsOfRefusedCalls, 'consume 1', 'takes nothing of the inviters whom'),
  fault(faulty.KeepsThePointsOfRefusedCalls, 'consume 1', 'takes nothing of a room for the calls'),
  fault(faulty.KeepsThePointsOfRefusedCalls, 'consume 1', 'loses and invents no point'),
  fault(faulty.LooksThenTakes, 'consume 2', 'allows exactly the points of a key when 50'),
  fault(faulty.LooksThenTakes, 'consume 2', 'allows exactly the points of a key when processes'),
  fault(faulty.CountsInEachProcess, 'consume 2', 'allows exactly the points of a key when processes'),
  fault(faulty.CountsRefusedCalls, 'consume 3', 'does not count refused calls against'),
  fault(faulty.CountsRefusedCalls, 'consume 3', 'counts a refused call in no bucket'),
  fault(faulty.LengthensTheWindow, 'consume 3', 'does not lengthen'),
  fault(faulty.NeverEnds, 'consume 4', 'ends the window'),
  fault(faulty.NamesTheFirstRefusal, 'consume 1', 'names the longest wait'),
  fault(faulty.NamesSeconds, 'consume 1', 'allows the next call once the wait'),
  fault(faulty.OneKeyForAllScopes, 'consume 2', 'counts the same key apart'),
  fault(faulty.CutsKeysAtColons, 'consume 2', 'counts keys apart'),
  fault(faulty.NormalisesKeys, 'consume 2', 'counts keys apart'),
  fault(faulty.RefundsTwice, 'refund 5', 'gives nothing back the second time'),
  fault(faulty.RefundsThenMarks, 'refund 5', 'gives back once when refunds of one receipt race'),
  fault(faulty.RefundsIntoAnyWindow, 'refund 5', 'makes no extra point'),
  fault(faulty.RefundsIntoAnyWindow, 'refund 5', 'gives nothing to the next window'),
  fault(faulty.RefundsIntoAnyWindow, 'refund 5', 'gives back to the buckets whose window lives'),
  fault(faulty.RefundsOneBucket, 'refund 5', 'gives one point back to every bucket'),
  fault(peeking.PeekTakes, 'peek 6', 'takes no point'),
  fault(peeking.PeekTakesAndGivesBack, 'peek 6', 'keeps no point from calls that race it'),
  fault(peeking.PeekOpensAWindow, 'peek 6', 'opens no window'),
  fault(peeking.PeekLengthensTheWindow, 'peek 6', 'lengthens no window'),
  fault(peeking.PeekAlwaysAllows, 'peek 7', 'says allowed for as long as'),
  fault(peeking.PeekAlwaysAllows, 'peek 7', 'does not take one key for another'),
  fault(peeking.PeekLooksAtTheFirstBucket, 'peek 7', 'says refused when one of several'),
  fault(peeking.PeekTakesTheOthers, 'peek 7', 'says refused when one of several'),
  fault(peeking.PeekNamesAWindow, 'peek 7', 'names the wait that consume names'),
  fault(peeking.PeekNamesSeconds, 'peek 7', 'names the wait that consume names'),
  fault(peeking.PeekNamesTheFirstRefusal, 'peek 7', 'tells the longest wait'),
  fault(peeking.PeekNamesTheFirstScope, 'peek 7', 'tells the longest wait'),
  fault(peeking.PeekCountsEachName, 'peek 7', 'counts a bucket that is named twice'),
  fault(peeking.PeekLooksAtAnyScope, 'peek 7', 'does not take one key for another'),
  fault(peeking.PeekRemembers, 'peek 7', 'counts what other processes took'),
  fault(peeking.PeekRemembers, 'peek 7', 'says allowed again once'),
];

describe('the rate limit contract', () => {
  itCatches(FAULTS, rateLimitContract, async (Limiter) => rateLimitHarness(Limiter));
});
