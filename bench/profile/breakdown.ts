import type { CpuProfile, HeapProfile } from '../server/config.ts';
import { type Category, categoryOf, type Frame, packageFunctionOf } from './frame.ts';

/** Divides a profile into fractions of the total, from 0 to 1. Idle time is left out. */
export type Breakdown = {
  readonly categories: ReadonlyMap<Category, number>;
  /** By the name of the package's function. Includes what it called Node for. */
  readonly functions: ReadonlyMap<string, number>;
};

type WeightedFrame = { readonly frame: Frame; readonly weight: number };

export function cpuBreakdown({ nodes, samples = [], timeDeltas = [] }: CpuProfile): Breakdown {
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
  return breakdownOf(
    samples.flatMap((id, index) => {
      const frame = frameOf(id);
      return frame === undefined ? [] : [{ frame, weight: timeDeltas[index] ?? 0 }];
    }),
  );
}

export function heapBreakdown({ head }: HeapProfile): Breakdown {
  const all: WeightedFrame[] = [];
  const visit = (node: HeapProfile['head'], caller: Frame | undefined) => {
    const frame = { ...node.callFrame, caller };
    all.push({ frame, weight: node.selfSize });
    for (const child of node.children) visit(child, frame);
  };
  visit(head, undefined);
  return breakdownOf(all);
}

function breakdownOf(all: readonly WeightedFrame[]): Breakdown {
  const categories = new Map<Category, number>();
  const functions = new Map<string, number>();
  let total = 0;
  for (const { frame, weight } of all) {
    const category = categoryOf(frame);
    if (category === undefined) continue;
    total += weight;
    add(categories, category, weight);
    const name = category === 'garbage' ? undefined : packageFunctionOf(frame);
    if (name !== undefined) add(functions, name, weight);
  }
  return { categories: fractionsOf(categories, total), functions: fractionsOf(functions, total) };
}

function add<Key>(sums: Map<Key, number>, key: Key, weight: number): void {
  sums.set(key, (sums.get(key) ?? 0) + weight);
}

function fractionsOf<Key>(sums: ReadonlyMap<Key, number>, total: number): Map<Key, number> {
  return new Map([...sums].map(([key, sum]) => [key, sum / total]));
}
