import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Testbed } from '../harness/testbed.ts';

const BLOCK = Buffer.alloc(4_096, 1);
/** The file is written once in advance and then overwritten, which is how both stores treat their logs. */
const BLOCKS = 1_024;

/** Returns the durable writes of 4 KiB per second. */
export async function fdatasyncs({ folder }: Testbed, seconds: number): Promise<number> {
  const file = join(folder, 'blocks');
  const descriptor = openSync(file, 'w');
  for (let block = 0; block < BLOCKS; block += 1)
    writeSync(descriptor, BLOCK, 0, BLOCK.length, block * 4_096);
  fdatasyncSync(descriptor);
  const startedAt = performance.now();
  let done = 0;
  while (performance.now() < startedAt + seconds * 1_000) {
    writeSync(descriptor, BLOCK, 0, BLOCK.length, (done % BLOCKS) * BLOCK.length);
    fdatasyncSync(descriptor);
    done += 1;
  }
  const rate = (done / (performance.now() - startedAt)) * 1_000;
  closeSync(descriptor);
  await rm(file);
  return rate;
}
