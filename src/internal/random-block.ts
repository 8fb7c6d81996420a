import { randomBytes } from 'node:crypto';

/**
 * Returns a function that reads the next random bytes from a block of them: one call of `randomBytes` for each value
 * costs more than the value.
 *
 * @param bytes the length of each value
 * @param values the number of values in a block
 * @param read makes a value of the bytes of the block between `start` and `end`
 */
export function randomBlock<Value>(
  bytes: number,
  values: number,
  read: (block: Buffer, start: number, end: number) => Value,
): () => Value {
  let block = Buffer.alloc(0);
  let start = 0;
  return () => {
    if (start === block.length) {
      block = randomBytes(values * bytes);
      start = 0;
    }
    const end = start + bytes;
    const value = read(block, start, end);
    start = end;
    return value;
  };
}
