import { randomBytes } from 'node:crypto';

const NUMBER_BYTES = 8;
/** Random bytes for many numbers, and where those begin that no call has: `randomBytes` for each takes 15 % more CPU. */
let block = Buffer.alloc(0);
let start = 0;

/** A number that no other call has, of any process: 64 random bits. */
export function newCall(): string {
  if (start === block.length) {
    block = randomBytes(512 * NUMBER_BYTES);
    start = 0;
  }
  const call = block.readBigInt64BE(start).toString();
  start += NUMBER_BYTES;
  return call;
}
