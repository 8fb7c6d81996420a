import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allocatedBytes } from '../../bench/allocations/trace-gc.ts';
import { benchOptions } from '../../bench/arguments.ts';
import { growthChart } from '../../bench/growth/chart.ts';
import { curvesUpTo } from '../../bench/growth/curves.ts';
import { flatness, growthTables } from '../../bench/growth/tables.ts';
import { type Case, DEFAULT_CASE } from '../../bench/harness/case.ts';
import { checkResponses, checkStored, measure } from '../../bench/harness/measure.ts';
import { ratioOf, spreadOf } from '../../bench/harness/statistics.ts';
import { Testbed } from '../../bench/harness/testbed.ts';
import { OURS, targetTable as peerTargets } from '../../bench/peers/targets.ts';
import { withBlocks } from '../../bench/report/page.ts';
import { chartOf } from '../../bench/throughput/chart.ts';
import { Results } from '../../bench/throughput/results.ts';
import { rowTable } from '../../bench/throughput/tables.ts';
import { targetTable } from '../../bench/throughput/targets.ts';
import { measureTiming, timingLine } from '../../bench/timing/run.ts';
import { targetTable as versusTargets } from '../../bench/versus/targets.ts';
import { installedCommand } from '../../servers/debian-package.ts';
import { readPage } from '../docs/pages.ts';

const sample = { p50: 1_500, p99: 2_000, p999: 3_000, requests: 10, nodeCpu: 200, storeCpu: 0, busy: 0.5 };
const results = (memoryRate: number) =>
  new Results(
    new Map([
      [
        'express5',
        [
          { ...sample, rate: 1_000 },
          { ...sample, rate: 2_000 },
        ],
      ],
      [
        'memory',
        [
          { ...sample, rate: memoryRate },
          { ...sample, rate: memoryRate * 2 },
        ],
      ],
    ]),
    new Map([['pgbench', [500, 500]]]),
  );

describe('a measurement', () => {
  let testbed: Testbed;
  beforeAll(async () => {
    testbed = await Testbed.start([]);
    // Not in a test, whose time limit is shorter.
    await installedCommand('wrk');
  });
  afterAll(() => testbed?.close());

  it('counts the responses and the stored events of a real server', async () => {
    const { requests, rate, nodeCpu, p50 } = await measure(testbed, { testCase: DEFAULT_CASE, seconds: 1 });
    expect(requests).toBeGreaterThan(0);
    for (const number of [rate, nodeCpu, p50]) expect(number).toBeGreaterThan(0);
  });

  it('has the latencies of both kinds of rooms, for somebody who is in none', async () => {
    const testCase = { ...DEFAULT_CASE, traffic: 'forbidden', rooms: 2, levels: 3 } as const;
    const { unknown, known } = await measureTiming(testbed, testCase, 1);
    for (const number of [unknown, known]) expect(number).toBeGreaterThan(0);
    await expect(measureTiming(testbed, { ...testCase, traffic: 'invite' }, 1)).rejects.toThrow('not a 200');
  });

  it('fails if the responses have another status than the row expects', async () => {
    const testCase: Case = { ...DEFAULT_CASE, traffic: 'limited' };
    const noLimit = measure(testbed, { testCase, seconds: 1 });
    await expect(noLimit).rejects.toThrow(/had the status 200 instead of 429/);
  });
});

const loaded = { requests: 10, micros: 1, p50: 1, p99: 1, p999: 1, wrong: 0, wrongStatus: 0, broken: 0 };

describe('the checks of a measurement', () => {
  it('require every acknowledged invite to be stored, and no more than wrk dropped in addition', () => {
    expect(() => checkStored(DEFAULT_CASE, 9, [loaded])).toThrow('10 requests');
    expect(() => checkStored(DEFAULT_CASE, 10, [loaded])).not.toThrow();
    expect(() => checkStored(DEFAULT_CASE, 42, [loaded])).not.toThrow();
    expect(() => checkStored(DEFAULT_CASE, 43, [loaded])).toThrow('43 events');
    expect(() => checkStored({ ...DEFAULT_CASE, traffic: 'forbidden' }, 1, [loaded])).toThrow('1 events');
  });

  it('require a response to every request', () => {
    expect(() => checkResponses(DEFAULT_CASE, loaded)).not.toThrow();
    expect(() => checkResponses(DEFAULT_CASE, { ...loaded, broken: 1 })).toThrow('1 never arrived');
    expect(() => checkResponses(DEFAULT_CASE, { ...loaded, requests: 0 })).toThrow('of 0 responses');
  });
});

describe('statistics', () => {
  it('are the median, the smallest and the largest value', () => {
    expect(spreadOf([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5 });
    expect(spreadOf([1, 2])).toEqual({ median: 1.5, min: 1, max: 2 });
    expect(() => spreadOf([])).toThrow(RangeError);
  });

  it('are ratios within each round', () => {
    expect(ratioOf([2, 6], [1, 2])).toEqual({ median: 2.5, min: 2, max: 3 });
  });

  it('of allocations are the sum of what V8 reports at each collection', () => {
    expect(allocatedBytes('gc=s allocated=100 promoted=1\ngc=ms allocated=23 x=1\n')).toBe(123);
    expect(() => allocatedBytes('')).toThrow('no garbage collection');
  });
});

const grown = (costs: readonly number[]) =>
  curvesUpTo(1_000)
    .filter(({ id }) => id === 'members-sqlite')
    .map((curve) => ({
      ...curve,
      points: curve.sizes.map((size, index) => ({
        size,
        samples: [{ ...sample, rate: 1_000, nodeCpu: costs[index] ?? 0 }],
      })),
    }));

describe('the growth of a cost', () => {
  it('is flat if the largest size costs as much as the smallest, within 10 %', () => {
    const line = 'SQLite: 10 to 1,000 members of one room | 0.90 to 1.10';
    expect(flatness(grown([100, 500, 109]))).toContain(`${line} | 1.09 (1.09–1.09) | met |`);
    expect(flatness(grown([100, 100, 111]))).toContain(`${line} | 1.11 (1.11–1.11) | not met |`);
  });

  it('is a table and a curve', () => {
    expect(growthTables(grown([100, 101, 102]))).toContain('| 1,000 | 102 | 1,000 |');
    expect(growthChart(grown([100, 101, 102])).match(/<circle /g)).toHaveLength(3);
  });
});

describe('the comparison with an earlier version', () => {
  const samples = (rates: readonly number[]) => rates.map((rate) => ({ ...sample, rate }));
  const measured = (ours: readonly number[], bytes: number) => ({
    pairs: new Map([['memory', { ours: samples(ours), theirs: samples([1_000, 1_000, 1_000]) }]]),
    bytes: new Map([['memory', { ours: bytes, theirs: 1_000 }]]),
  });

  it('says which targets are met by the median of the rounds', () => {
    const met = versusTargets(measured([1_100, 1_150, 3_000], 850));
    expect(met).toContain('| In memory: requests per second | ≥ 1.15 | 1.15 (1.10–3.00) | met |');
    expect(met).toContain('| In memory: bytes per invite | ≤ 0.85 | 0.85 (0.85–0.85) | met |');
    const missed = versusTargets(measured([1_100, 1_140, 3_000], 860));
    expect(missed).toContain('| In memory: requests per second | ≥ 1.15 | 1.14 (1.10–3.00) | not met |');
    expect(missed).toContain('| In memory: bytes per invite | ≤ 0.85 | 0.86 (0.86–0.86) | not met |');
  });

  it('leaves out targets whose rows were not measured', () => {
    expect(versusTargets(measured([1_000], 1_000))).not.toContain('SQLite');
  });
});

describe('the comparison with other servers', () => {
  const of = (name: string, rate: number, cpu: number, connections = 32) => ({
    name,
    members: 10,
    connections,
    samples: [{ ...sample, micros: 1, wrong: 0, wrongStatus: 0, broken: 0, rate, cpu }],
    memory: 1,
  });
  const others = [of('Synapse 1', 100, 30_000), of('Dendrite 1', 500, 4_000), of('Synapse 1', 1, 1, 1)];

  it('says which targets are met, with 32 connections', () => {
    const met = peerTargets([of(OURS, 3_000, 1_000), ...others]);
    expect(met).toContain('| Synapse 1: invites per second | ≥ 30.00 | 30.00 (30.00–30.00) | met |');
    expect(met).toContain('| Synapse 1: CPU per invite | ≤ 1/30 | 1/30 (1/30–1/30) | met |');
    expect(met).toContain('| Dendrite 1: CPU per invite | ≤ 1/4 | 1/4 (1/4–1/4) | met |');
    const missed = peerTargets([of(OURS, 1_900, 1_100), ...others]);
    expect(missed).toContain('| Synapse 1: invites per second | ≥ 30.00 | 19.00 (19.00–19.00) | not met |');
    expect(missed).toContain('| Synapse 1: CPU per invite | ≤ 1/30 | 1/27.3 (1/27.3–1/27.3) | not met |');
  });
});

describe('the timing', () => {
  it('is the difference of the medians within each round', () => {
    const medians = [
      { unknown: 100, known: 110 },
      { unknown: 200, known: 200 },
    ];
    expect(timingLine('A row', medians)).toEqual([
      'A row',
      '150 (100–200)',
      '155 (110–200)',
      '5.0 % (0.0–10.0)',
    ]);
  });
});

describe('the report', () => {
  it('has a table row and a bar for each measured row', () => {
    expect(rowTable(results(1_500))).toContain(
      '| Invite in memory, no limits | 2,250 (1,500–3,000) | 1.50 (1.50–1.50) | 200 | 0 | 1.5 | 2.0 | 3.0 |',
    );
    expect(chartOf(results(1_500)).match(/<rect x/g)).toHaveLength(2);
  });

  it('says which targets are met, and explains the others by their CPU times', () => {
    expect(targetTable(results(1_000))).toMatch(/In memory: .*\| met \|$/m);
    expect(targetTable(results(900))).toMatch(
      /In memory: .*\| not met: a request takes 200 µs of Node, an empty handler 200 µs; /m,
    );
  });

  it('replaces the blocks of the page, which has every one of them', () => {
    const page = 'a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb';
    expect(withBlocks(page, { x: 'new' })).toBe('a\n<!-- bench:x -->\n\nnew\n\n<!-- /bench:x -->\nb');
    expect(() => withBlocks(page, { y: 'new' })).toThrow('no block y');
    const names = [
      'machine',
      'targets',
      'throughput',
      'commits',
      'growth',
      'flatness',
      'profile',
      'allocations',
      'memory',
      'timing',
      'start',
      'federation',
      'versus',
      'peers',
    ];
    const blocks = Object.fromEntries(names.map((name) => [name, '']));
    expect(() => withBlocks(readPage('docs/performance.md').text, blocks)).not.toThrow();
  });
});

describe('the arguments', () => {
  it('have defaults, and shorter ones with --quick', () => {
    expect(benchOptions([])).toMatchObject({ commands: ['throughput'], rounds: 7, seconds: 5, write: false });
    expect(benchOptions(['growth', '--quick', '--rounds', '2'])).toMatchObject({
      commands: ['growth'],
      rounds: 2,
      seconds: 1,
    });
  });

  it('are rejected if they are unknown or invalid', () => {
    for (const args of [
      ['growht'],
      ['--rounds', '0'],
      ['--seconds', 'x'],
      ['--fast'],
      ['--write', '--rows', 'a'],
      ['versus'],
    ]) {
      expect(() => benchOptions(args)).toThrow(TypeError);
    }
  });
});
