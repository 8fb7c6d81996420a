import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allocatedBytes } from '../../bench/allocations/trace-gc.ts';
import { benchOptions } from '../../bench/arguments.ts';
import { growthChart } from '../../bench/growth/chart.ts';
import { curvesUpTo } from '../../bench/growth/curves.ts';
import { flatness, growthTables } from '../../bench/growth/tables.ts';
import { USUAL } from '../../bench/harness/case.ts';
import { check, checkStored, measure } from '../../bench/harness/measure.ts';
import { ratioOf, spreadOf } from '../../bench/harness/statistics.ts';
import { World } from '../../bench/harness/world.ts';
import { withBlocks } from '../../bench/report/page.ts';
import { chartOf } from '../../bench/throughput/chart.ts';
import { Results } from '../../bench/throughput/results.ts';
import { rowTable } from '../../bench/throughput/tables.ts';
import { targetTable } from '../../bench/throughput/targets.ts';
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
  let world: World;
  beforeAll(async () => {
    world = await World.start([]);
  }, 120_000);
  afterAll(() => world.close());

  it('counts what a real server has answered and stored', async () => {
    const { requests, rate, nodeCpu, p50 } = await measure(world, USUAL, 1);
    expect(requests).toBeGreaterThan(0);
    for (const number of [rate, nodeCpu, p50]) expect(number).toBeGreaterThan(0);
  });

  it('fails when the answers are not those that the row is about', async () => {
    const noLimit = measure(world, { ...USUAL, ask: 'limit' }, 1);
    await expect(noLimit).rejects.toThrow(/were not 429 but 200/);
  });
});

const loaded = { requests: 10, micros: 1, p50: 1, p99: 1, p999: 1, wrong: 0, wrongStatus: 0, broken: 0 };

describe('the checks of a measurement', () => {
  it('want every acknowledged invite stored, and no more than wrk has hung up on', () => {
    expect(() => checkStored(USUAL, 9, [loaded])).toThrow('10 requests');
    expect(() => checkStored(USUAL, 10, [loaded])).not.toThrow();
    expect(() => checkStored(USUAL, 42, [loaded])).not.toThrow();
    expect(() => checkStored(USUAL, 43, [loaded])).toThrow('43 events');
    expect(() => checkStored({ ...USUAL, ask: 'refuse' }, 1, [loaded])).toThrow('1 events');
  });

  it('want an answer to every request', () => {
    expect(() => check(USUAL, loaded)).not.toThrow();
    expect(() => check(USUAL, { ...loaded, broken: 1 })).toThrow('1 did not come');
    expect(() => check(USUAL, { ...loaded, requests: 0 })).toThrow('of 0 answers');
  });
});

describe('the numbers', () => {
  it('are medians with the smallest and the largest', () => {
    expect(spreadOf([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5 });
    expect(spreadOf([1, 2])).toEqual({ median: 1.5, min: 1, max: 2 });
    expect(() => spreadOf([])).toThrow(RangeError);
  });

  it('are compared round by round', () => {
    expect(ratioOf([2, 6], [1, 2])).toEqual({ median: 2.5, min: 2, max: 3 });
  });

  it('of allocations are the sum of what V8 says at each collection', () => {
    expect(allocatedBytes('gc=s allocated=100 promoted=1\ngc=ms allocated=23 x=1\n')).toBe(123);
    expect(() => allocatedBytes('')).toThrow('no collection');
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
  it('is flat when the largest size costs as much as the smallest, give or take a tenth', () => {
    const line = 'SQLite: 10 to 1,000 members of one room | 0.90 to 1.10';
    expect(flatness(grown([100, 500, 109]))).toContain(`${line} | 1.09 (1.09–1.09) | met |`);
    expect(flatness(grown([100, 100, 111]))).toContain(`${line} | 1.11 (1.11–1.11) | not met |`);
  });

  it('is shown as a table and as a curve', () => {
    expect(growthTables(grown([100, 101, 102]))).toContain('| 1,000 | 102 | 1,000 |');
    expect(growthChart(grown([100, 101, 102])).match(/<circle /g)).toHaveLength(3);
  });
});

describe('the report', () => {
  it('has a line and a bar for each row that was measured', () => {
    expect(rowTable(results(1_500))).toContain(
      '| Invite in memory, no limits | 2,250 (1,500–3,000) | 1.50 (1.50–1.50) | 200 | 0 | 1.5 | 2.0 | 3.0 |',
    );
    expect(chartOf(results(1_500)).match(/<rect x/g)).toHaveLength(2);
  });

  it('says which targets were met, and of the others what the time went to', () => {
    expect(targetTable(results(1_000))).toMatch(/In memory: .*\| met \|$/m);
    expect(targetTable(results(900))).toMatch(/In memory: .*\| not met: a request takes 200 µs of Node, /m);
  });

  it('replaces what stands between the marks, and has a place for every block', () => {
    const page = 'a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb';
    expect(withBlocks(page, { x: 'new' })).toBe('a\n<!-- bench:x -->\n\nnew\n\n<!-- /bench:x -->\nb');
    expect(() => withBlocks(page, { y: 'new' })).toThrow('no place for y');
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
    ];
    const blocks = Object.fromEntries(names.map((name) => [name, '']));
    expect(() => withBlocks(readPage('docs/performance.md').text, blocks)).not.toThrow();
  });
});

describe('the arguments', () => {
  it('have defaults, and shorter ones for a try', () => {
    expect(benchOptions([])).toMatchObject({ commands: ['throughput'], rounds: 7, seconds: 5, write: false });
    expect(benchOptions(['growth', '--quick', '--rounds', '2'])).toMatchObject({
      commands: ['growth'],
      rounds: 2,
      seconds: 1,
    });
  });

  it('are refused when they are not understood', () => {
    for (const args of [
      ['growht'],
      ['--rounds', '0'],
      ['--seconds', 'x'],
      ['--fast'],
      ['--write', '--rows', 'a'],
    ]) {
      expect(() => benchOptions(args)).toThrow(TypeError);
    }
  });
});
