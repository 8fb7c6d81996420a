import { describe, expect, it } from 'vitest';
import { askerOf, type Frame, shareOf } from '../../bench/profile/frame.ts';
import { functionTable, shareTable } from '../../bench/profile/tables.ts';
import { weightsOfCpu, weightsOfHeap } from '../../bench/profile/weights.ts';

const OURS = 'file:///x/express-matrix-invite-bench/1/package/index.js';
const PG = 'file:///x/node_modules/pg/lib/client.js';
const EXPRESS = 'file:///x/node_modules/router/index.js';
const HTTP = 'node:_http_outgoing';

const frame = (functionName: string, url: string, caller?: Frame): Frame => ({ functionName, url, caller });
const root = frame('(root)', '');
const answer = frame('answer', OURS, frame('handle', EXPRESS, root));

describe('what a frame goes to', () => {
  it.each([
    ['ours', answer],
    ['express', frame('next', EXPRESS, root)],
    ['drivers', frame('query', PG, answer)],
    ['node', frame('end', HTTP, answer)],
    ['sockets', frame('writev', '', frame('end', HTTP, answer))],
    ['garbage', frame('(garbage collector)', '', root)],
    ['outside', frame('(program)', '', root)],
  ] as const)('is %s', (share, of) => {
    expect(shareOf(of)).toBe(share);
  });

  it('is its caller, for what is compiled into V8, and nothing while idle', () => {
    expect(shareOf(frame('map', '', answer))).toBe('ours');
    expect(shareOf(frame('(idle)', '', root))).toBeUndefined();
  });

  it('was asked for by our nearest function, through those of Node', () => {
    expect(askerOf(frame('writev', '', frame('end', HTTP, answer)))).toBe('answer');
    expect(askerOf(frame('', OURS, answer))).toBe('answer');
    expect(askerOf(frame('end', HTTP, frame('send', EXPRESS, answer)))).toBeUndefined();
    expect(askerOf(root)).toBeUndefined();
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
  const cpu = weightsOfCpu({
    startTime: 0,
    endTime: 1_000,
    nodes: [
      { id: 1, callFrame: callFrame('(root)', ''), children: [2, 4, 5] },
      { id: 2, callFrame: callFrame('answer', OURS), children: [3] },
      { id: 3, callFrame: callFrame('end', HTTP) },
      { id: 4, callFrame: callFrame('(garbage collector)', '') },
      { id: 5, callFrame: callFrame('(idle)', '') },
    ],
    samples: [2, 3, 4, 5],
    timeDeltas: [10, 30, 60, 900],
  });
  const heap = weightsOfHeap({
    head: {
      callFrame: callFrame('(root)', ''),
      selfSize: 0,
      children: [
        { callFrame: callFrame('answer', OURS), selfSize: 75, children: [] },
        { callFrame: callFrame('handle', EXPRESS), selfSize: 25, children: [] },
      ],
    },
  });
  const row = { label: 'A row', cpu, heap };

  it('is told by what time and bytes went to, idle time aside', () => {
    expect(cpu.shares).toEqual(
      new Map([
        ['ours', 0.1],
        ['node', 0.3],
        ['garbage', 0.6],
      ]),
    );
    expect(heap.shares).toEqual(
      new Map([
        ['outside', 0],
        ['ours', 0.75],
        ['express', 0.25],
      ]),
    );
    expect(shareTable([row])).toContain('| This package | 10.0 % | 75.0 % |');
  });

  it('names our functions, with what they asked of Node', () => {
    expect(functionTable(row)).toContain('| `answer` | 40.0 % | 75.0 % |');
    expect(functionTable(row).split('\n')).toHaveLength(3);
  });
});
