import type { BenchOptions } from '../arguments.ts';
import { describeState, quietness } from '../harness/machine.ts';
import type { Outcome } from '../report/page.ts';
import { RemoteInviting, type RemoteLoad, type RemoteTimes } from './remote-invites.ts';
import { Signing, type SigningCosts } from './signing.ts';
import { remoteTable, signingTable } from './tables.ts';

const LOAD: RemoteLoad = { invites: 32, answerMs: 1_000 };

/** Measures what the signature of an event costs, and remote invites that are under way at once. */
export async function federation({ rounds, seconds }: BenchOptions): Promise<Outcome> {
  const before = await quietness();
  const signing = await Signing.create();
  const inviting = await RemoteInviting.start();
  const costs: SigningCosts[] = [];
  const times: RemoteTimes[] = [];
  try {
    // Not counted: V8 compiles the hot functions.
    await signing.measure(seconds);
    await inviting.measure(LOAD);
    for (let round = 1; round <= rounds; round += 1) {
      costs.push(await signing.measure(seconds));
      times.push(await inviting.measure(LOAD));
      console.log(`round ${round} of ${rounds}`, costs.at(-1), times.at(-1));
    }
  } finally {
    await inviting.close();
  }
  const tables = [signingTable(signing.bytes, costs), remoteTable(LOAD, times)];
  const conditions = `${describeState(before)}\nRounds: ${rounds}. Seconds of signing per round: ${seconds}.`;
  return {
    blocks: { federation: [conditions, ...tables].join('\n\n') },
    charts: {},
    failures: [],
  };
}
