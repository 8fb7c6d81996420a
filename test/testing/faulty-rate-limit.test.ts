import { describe } from 'vitest';
import { rateLimitContract } from '../../src/testing/rate-limit/contract.ts';
import { type Fault, fault } from './faulty/fault.ts';
import * as keeping from './faulty/keeping.ts';
import * as peeking from './faulty/peek.ts';
import * as faulty from './faulty/rate-limit.ts';
import * as hosts from './faulty/rate-limit-hosts.ts';
import { rateLimitHarness } from './reference/harnesses.ts';
import type { ReferenceRateLimit } from './reference/rate-limit.ts';
import { itCatches } from './support.ts';

const FAULTS: readonly Fault<typeof ReferenceRateLimit>[] = [
  fault(keeping.KeepingForgetsTheFirstList, 'consumeKeeping 8', 'consumes a point of every bucket'),
  fault(keeping.KeepingConsumesInTwoSteps, 'consumeKeeping 8', 'consumes nothing if a bucket of either'),
  fault(keeping.KeepingIgnoresTheLimit, 'consumeKeeping 8', 'never allows more than the points of a kept'),
  fault(keeping.KeepingRefundsEverything, 'consumeKeeping 9', 'refunds the points of the second list'),
  fault(keeping.KeepingNeverEnds, 'consumeKeeping 8', 'ends the windows of both lists'),
  fault(keeping.KeepingReturnsTheFirstList, 'consumeKeeping 8', 'returns the longest wait of both lists'),
  fault(keeping.KeepingCountsInEachProcess, 'consumeKeeping 8', 'counts the points of both lists for every'),
  fault(faulty.KeepsThePointsOfRefusedCalls, 'consume 1', 'leaves the other buckets untouched if room'),
  fault(faulty.KeepsThePointsOfRefusedCalls, 'consume 1', 'consumes nothing from inviters'),
  fault(faulty.KeepsThePointsOfRefusedCalls, 'consume 1', 'consumes nothing from a room'),
  fault(faulty.KeepsThePointsOfRefusedCalls, 'consume 1', 'neither loses nor invents points'),
  fault(faulty.ChecksThenConsumes, 'consume 2', 'allows exactly the points of a key if 300'),
  fault(faulty.ChecksThenConsumes, 'consume 2', 'allows exactly the points of a key if processes'),
  fault(faulty.CountsInEachProcess, 'consume 2', 'allows exactly the points of a key if processes'),
  fault(faulty.CountsRefusedCalls, 'consume 3', 'does not count refused calls against'),
  fault(faulty.CountsRefusedCalls, 'consume 3', 'counts a refused call in no bucket'),
  fault(faulty.LengthensTheWindow, 'consume 3', 'does not lengthen the window of a key for refused'),
  fault(faulty.NeverEnds, 'consume 4', 'ends the window of every scope'),
  fault(faulty.ReturnsTheFirstRefusal, 'consume 1', 'returns the longest wait and'),
  fault(faulty.ReturnsSeconds, 'consume 1', 'allows the next call once the returned wait'),
  fault(faulty.OneKeyForAllScopes, 'consume 2', 'counts the same key separately'),
  fault(faulty.CutsKeysAtColons, 'consume 2', 'counts similar keys'),
  fault(faulty.NormalizesKeys, 'consume 2', 'counts similar keys'),
  fault(faulty.RefundsTwice, 'refund 5', 'refunds a receipt only once'),
  fault(faulty.RefundsThenMarks, 'refund 5', 'refunds once if refunds of one receipt race'),
  fault(faulty.RefundsIntoAnyWindow, 'refund 5', 'creates no extra point'),
  fault(faulty.RefundsIntoAnyWindow, 'refund 5', 'refunds nothing to the next window'),
  fault(faulty.RefundsIntoAnyWindow, 'refund 5', 'refunds only to buckets whose window'),
  fault(faulty.RefundsOneBucket, 'refund 5', 'refunds one point to every bucket'),
  fault(peeking.PeekConsumes, 'peek 6', 'consumes no point'),
  fault(peeking.PeekConsumesAndRefunds, 'peek 6', 'withholds no point from racing calls'),
  fault(peeking.PeekOpensAWindow, 'peek 6', 'opens no window'),
  fault(peeking.PeekLengthensTheWindow, 'peek 6', 'lengthens no window'),
  fault(peeking.PeekAlwaysAllows, 'peek 7', 'resolves allowed while'),
  fault(peeking.PeekAlwaysAllows, 'peek 7', 'does not confuse keys, within'),
  fault(peeking.PeekChecksOneBucket, 'peek 7', 'resolves refused if any bucket'),
  fault(peeking.PeekConsumesTheOthers, 'peek 7', 'resolves refused if any bucket'),
  fault(peeking.PeekReturnsAWindow, 'peek 7', 'returns the same wait as consume'),
  fault(peeking.PeekReturnsSeconds, 'peek 7', 'returns the same wait as consume'),
  fault(peeking.PeekReturnsTheFirstRefusal, 'peek 7', 'returns the longest wait of empty'),
  fault(peeking.PeekReturnsTheFirstScope, 'peek 7', 'returns the longest wait of empty'),
  fault(peeking.PeekCountsRepeatedBuckets, 'peek 7', 'counts a bucket that is passed twice'),
  fault(peeking.PeekChecksAllScopes, 'peek 7', 'does not confuse keys, within'),
  fault(peeking.PeekCaches, 'peek 7', 'counts what other processes consume'),
  fault(peeking.PeekCaches, 'peek 7', 'resolves allowed again after'),
  fault(hosts.ReturnsTheLongestWindow, 'consume 1', 'returns the wait of a bucket that refused'),
  fault(hosts.RemembersBlocks, 'refund 5', 'also frees a point for a process'),
  fault(hosts.RefundsRestartTheWindow, 'refund 5', 'leaves the end of the window'),
  fault(hosts.RefundsEverything, 'refund 5', 'refunds one point to every bucket'),
  fault(
    hosts.RestartsTheWindowWithEveryPoint,
    'consume 4',
    'does not lengthen the window of a key for allowed',
  ),
  fault(hosts.AlignsWindowsToTheClock, 'consume 4', 'starts the window of each key'),
  fault(hosts.UsesTheFirstWindow, 'consume 4', 'ends the window of each bucket of a call'),
  fault(hosts.FailsOpenAbove100, 'consume 2', 'allows exactly the points of a key if 300'),
  fault(hosts.EvictsTheOldestKey, 'consume 2', 'keeps counting a key while'),
];

describe('the rate limit contract', () => {
  itCatches(FAULTS, rateLimitContract, async (Limiter) => rateLimitHarness(Limiter));
});
