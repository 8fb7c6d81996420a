import { describe, expect, it } from 'vitest';
import { cpuBreakdown, heapBreakdown } from '../../bench/profile/breakdown.ts';
import { categoryOf, type Frame, packageFunctionOf } from '../../bench/profile/frame.ts';
import { categoryTable, functionTable } from '../../bench/profile/tables.ts';

const PACKAGE = 'file:///x/express-matrix-invite-bench/1/this/package/index.js';
const PG = 'file:///x/node_modules/pg/lib/client.js';
const EXPRESS = 'file:///x/node_modules/router/index.js';
const HTTP = 'node:_http_outgoing';

const frame = (functionName: string, url: string, caller?: Frame): Frame => ({ functionName, url, caller });
const root = frame('(root)', '');
const respond = frame('respond', PACKAGE, frame('handle', EXPRESS, root));

describe('the category of a frame', () => {
  it.each([
    ['package', respond],
    ['express', frame('next', EXPRESS, root)],
    ['drivers', frame('query', PG, respond)],
    ['node', frame('end', HTTP, respond)],
    ['sockets', frame('writev', '', frame('end', HTTP, respond))],
    ['garbage', frame('(garbage collector)', '', root)],
    ['outside', frame('(program)', '', root)],
  ] as const)('is %s', (category, of) => {
    expect(categoryOf(of)).toBe(category);
  });

  it('is that of its caller for a function compiled into V8, and undefined while idle', () => {
    expect(categoryOf(frame('map', '', respond))).toBe('package');
    expect(categoryOf(frame('(idle)', '', root))).toBeUndefined();
  });
});

describe('the function of the package', () => {
  it('is the nearest caller, through functions of Node', () => {
    expect(packageFunctionOf(frame('writev', '', frame('end', HTTP, respond)))).toBe('respond');
    expect(packageFunctionOf(frame('', PACKAGE, respond))).toBe('respond');
    expect(packageFunctionOf(frame('end', HTTP, frame('send', EXPRESS, respond)))).toBeUndefined();
    expect(packageFunctionOf(root)).toBeUndefined();
  });
});

const callFrame = (functionName: string, url: string) => ({
  functionName,
  url,
  scriptId: '1',
  lineNumber: 0,
  columnNumber: 0,
});

describe('a profile', () => {
  const cpu = cpuBreakdown({
    startTime: 0,
    endTime: 1_000,
    nodes: [
      { id: 1, callFrame: callFrame('(root)', ''), children: [2, 4, 5] },
      { id: 2, callFrame: callFrame('respond', PACKAGE), children: [3] },
      { id: 3, callFrame: callFrame('end', HTTP) },
      { id: 4, callFrame: callFrame('(garbage collector)', '') },
      { id: 5, callFrame: callFrame('(idle)', '') },
    ],
    samples: [2, 3, 4, 5],
    timeDeltas: [10, 30, 60, 900],
  });
  const heap = heapBreakdown({
    head: {
      callFrame: callFrame('(root)', ''),
      selfSize: 0,
      children: [
        { callFrame: callFrame('respond', PACKAGE), selfSize: 75, children: [] },
        { callFrame: callFrame('handle', EXPRESS), selfSize: 25, children: [] },
      ],
    },
  });
  const row = { label: 'A row', cpu, heap };

  it('is divided into categories, without idle time', () => {
    expect(cpu.categories).toEqual(
      new Map([
        ['package', 0.1],
        ['node', 0.3],
        ['garbage', 0.6],
      ]),
    );
    expect(heap.categories).toEqual(
      new Map([
        ['outside', 0],
        ['package', 0.75],
        ['express', 0.25],
      ]),
    );
    expect(categoryTable([row])).toContain('| This package | 10.0 % | 75.0 % |');
  });

  it('names the functions of the package, including what they call Node for', () => {
    expect(functionTable(row)).toContain('| `respond` | 40.0 % | 75.0 % |');
    expect(functionTable(row).split('\n')).toHaveLength(3);
  });
});
