import { describe, expect, it } from 'vitest';
import { type SoakOptions, soak } from './soak.ts';

const A_MINUTE_OR_TWO = 120_000;

describe('a run with faults', () => {
  it.each(['sqlite', 'postgres'] as const)(
    'has no anomalies on %s',
    async (storage) => {
      const signal = AbortSignal.timeout(20_000);
      const report = await soak({ operations: 1_000_000, storage, seed: 1, faults: true, signal });
      expect(report.anomalies).toEqual([]);
      expect(report.operations).toBeGreaterThan(200);
      expect(report.events).toBeGreaterThan(100);
      expect(Object.values(report.faults).some((count) => count > 0)).toBe(true);
    },
    A_MINUTE_OR_TWO,
  );
});

describe('a run on a storage that is broken', () => {
  const run = async (options: Pick<SoakOptions, 'storage' | 'sabotage'>) => {
    const { anomalies } = await soak({
      operations: 1_000,
      seed: 1,
      faults: false,
      traffic: 'contended',
      ...options,
    });
    return new Set(anomalies.map(({ kind }) => kind));
  };

  it.each(['sqlite', 'postgres'] as const)(
    'finds a basis compared before the lock on %s',
    async (storage) => {
      const kinds = await run({ storage, sabotage: 'comparesBeforeTheLock' });
      expect(kinds.has('doubled') || kinds.has('overtakenBasis')).toBe(true);
    },
    A_MINUTE_OR_TWO,
  );

  it(
    'finds events that are acknowledged and not stored',
    async () => {
      const kinds = await run({ storage: 'sqlite', sabotage: 'forgets' });
      expect([...kinds]).toEqual(expect.arrayContaining(['acknowledgedMissing', 'answeredWithoutEvent']));
    },
    A_MINUTE_OR_TWO,
  );

  it(
    'finds decisions on state that was gone before the call',
    async () => {
      const kinds = await run({ storage: 'sqlite', sabotage: 'readsOldState' });
      expect([...kinds]).toContain('unexplainedRefusal');
    },
    A_MINUTE_OR_TWO,
  );
});
