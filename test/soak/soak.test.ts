import { describe, expect, it } from 'vitest';
import { type SoakOptions, soak } from './soak.ts';

const TIMEOUT_MS = 120_000;

describe('a run with faults', () => {
  it.each(['sqlite', 'postgres', 'mysql'] as const)(
    'has no anomalies on %s',
    async (storage) => {
      const signal = AbortSignal.timeout(20_000);
      const report = await soak({ operations: 1_000_000, storage, seed: 1, faults: true, signal });
      expect(report.anomalies).toEqual([]);
      expect(report.operations).toBeGreaterThan(200);
      expect(report.events).toBeGreaterThan(100);
      expect(Object.values(report.faults).some((count) => count > 0)).toBe(true);
    },
    TIMEOUT_MS,
  );
});

describe('a run on a broken storage', () => {
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

  it.each(['sqlite', 'postgres', 'mysql'] as const)(
    'finds a basis that is compared before the lock on %s',
    async (storage) => {
      const kinds = await run({ storage, sabotage: 'comparesBeforeTheLock' });
      expect(kinds.has('doubled') || kinds.has('staleBasis')).toBe(true);
    },
    TIMEOUT_MS,
  );

  it(
    'finds events that are acknowledged but not stored',
    async () => {
      const kinds = await run({ storage: 'sqlite', sabotage: 'forgets' });
      expect([...kinds]).toEqual(expect.arrayContaining(['acknowledgedMissing', 'respondedWithoutEvent']));
    },
    TIMEOUT_MS,
  );

  it(
    'finds decisions on state that was outdated before the call',
    async () => {
      const kinds = await run({ storage: 'sqlite', sabotage: 'readsOldState' });
      expect([...kinds]).toContain('unexplainedRefusal');
    },
    TIMEOUT_MS,
  );
});
