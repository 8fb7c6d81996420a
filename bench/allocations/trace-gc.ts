/**
 * The bytes that were allocated on the heap, by what V8 writes with `--trace-gc-nvp`: each collection says how much the
 * heap has grown since the one before ended. Unlike the heap's size before and after, this counts what was collected
 * meanwhile; buffers outside the heap are not in it.
 *
 * @throws {Error} when there is no collection in it
 */
export function allocatedBytes(trace: string): number {
  const collections = [...trace.matchAll(/ allocated=(\d+)/g)];
  if (collections.length === 0) throw new Error('V8 has traced no collection');
  return collections.reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}
