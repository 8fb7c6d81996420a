/**
 * Returns the bytes that were allocated on the heap, from the output of `--trace-gc-nvp`. Each collection reports how
 * much the heap has grown since the previous one. Unlike a comparison of heap sizes, the sum includes objects that were
 * collected in between. It does not include buffers outside the heap.
 *
 * @throws {Error} if the trace contains no collection
 */
export function allocatedBytes(trace: string): number {
  const collections = [...trace.matchAll(/ allocated=(\d+)/g)];
  if (collections.length === 0) throw new Error('V8 traced no garbage collection');
  return collections.reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}
