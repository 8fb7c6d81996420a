import { randomBytes } from 'node:crypto';

/**
 * Returns a function that makes each value from the next bytes of a random block: a call of `randomBytes` for each
 * value would cost more than the value itself.
 *
 * @param bytes the length of each value
 * @param values the number of values in a block
 * @param read makes a value from the bytes of the block between `start` and `end`
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
