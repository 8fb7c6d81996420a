import type { CpuProfile, HeapProfile } from '../server/setting.ts';
import { askerOf, type Frame, type Share, shareOf } from './frame.ts';

/** How much of a profile went where: each a part of the whole, 0 to 1, idle time aside. */
export type Weights = {
  readonly shares: ReadonlyMap<Share, number>;
  /** By the name of our function, with what it asked of Node. */
  readonly functions: ReadonlyMap<string, number>;
};

type Weighted = { readonly frame: Frame; readonly weight: number };

export function weightsOfCpu({ nodes, samples = [], timeDeltas = [] }: CpuProfile): Weights {
  const callerIds = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const frames = new Map<number, Frame>();
  const frameOf = (id: number): Frame | undefined => {
    const callFrame = byId.get(id)?.callFrame;
    if (callFrame === undefined) return undefined;
    const known = frames.get(id);
    if (known !== undefined) return known;
    const callerId = callerIds.get(id);
    const frame = { ...callFrame, caller: callerId === undefined ? undefined : frameOf(callerId) };
    frames.set(id, frame);
    return frame;
  };
  return weightsOf(
    samples.flatMap((id, index) => {
      const frame = frameOf(id);
      return frame === undefined ? [] : [{ frame, weight: timeDeltas[index] ?? 0 }];
    }),
  );
}

export function weightsOfHeap({ head }: HeapProfile): Weights {
  const all: Weighted[] = [];
  const visit = (node: HeapProfile['head'], caller: Frame | undefined) => {
    const frame = { ...node.callFrame, caller };
    all.push({ frame, weight: node.selfSize });
    for (const child of node.children) visit(child, frame);
  };
  visit(head, undefined);
  return weightsOf(all);
}

function weightsOf(all: readonly Weighted[]): Weights {
  const shares = new Map<Share, number>();
  const functions = new Map<string, number>();
  let whole = 0;
  for (const { frame, weight } of all) {
    const share = shareOf(frame);
    if (share === undefined) continue;
    whole += weight;
    add(shares, share, weight);
    const asker = share === 'garbage' ? undefined : askerOf(frame);
    if (asker !== undefined) add(functions, asker, weight);
  }
  return { shares: partsOf(shares, whole), functions: partsOf(functions, whole) };
}

function add<Key>(sums: Map<Key, number>, key: Key, weight: number): void {
  sums.set(key, (sums.get(key) ?? 0) + weight);
}

function partsOf<Key>(sums: ReadonlyMap<Key, number>, whole: number): Map<Key, number> {
  return new Map([...sums].map(([key, sum]) => [key, sum / whole]));
}
