import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RemoteInviting } from '../../bench/federation/remote-invites.ts';
import { Signing } from '../../bench/federation/signing.ts';
import { remoteTable, signingTable } from '../../bench/federation/tables.ts';

describe('the cost of a signed event', () => {
  it('is the CPU time of one call, of each of the three', async () => {
    const signing = await Signing.create();
    expect(signing.bytes).toBeGreaterThan(500);
    const { sign, signAndHash, build } = await signing.measure(0.05);
    for (const micros of [sign, signAndHash, build]) expect(micros).toBeGreaterThan(0);
  });

  it('is a ratio to signing alone within each round, with a target for signing and hashing', () => {
    const rounds = (signAndHash: number) => [
      { sign: 50, signAndHash, build: 80 },
      { sign: 100, signAndHash: signAndHash * 2, build: 170 },
    ];
    const met = signingTable(540, rounds(75));
    expect(met).toContain('| `sign` of `node:crypto` alone, 540 bytes | 75.0 | 1.00 (1.00–1.00) |  |  |');
    expect(met).toContain('reference hash of an event | 112.5 | 1.50 (1.50–1.50) | ≤ 1.50 | met |');
    expect(met).toContain('| `buildPdu` | 125.0 | 1.65 (1.60–1.70) |  |  |');
    expect(signingTable(540, rounds(76))).toContain('1.52 (1.52–1.52) | ≤ 1.50 | not met |');
  });
});

describe('remote invites at once', () => {
  let inviting: RemoteInviting;
  beforeAll(async () => {
    inviting = await RemoteInviting.start();
  });
  afterAll(() => inviting?.close());

  it('take at least the time of the other server, and leave room for local invites', async () => {
    const { together, localAlone, localMeanwhile } = await inviting.measure({ invites: 6, answerMs: 50 });
    expect(together).toBeGreaterThanOrEqual(49);
    for (const millis of [localAlone, localMeanwhile]) expect(millis).toBeGreaterThan(0);
  });

  it('have half a second beside the time of the other server', () => {
    const load = { invites: 32, answerMs: 1_000 };
    const table = (together: number) => remoteTable(load, [{ together, localAlone: 2, localMeanwhile: 3 }]);
    const label = '32 remote invites, 1 s for each answer: all together, s';
    expect(table(1_400)).toContain(`| ${label} | 1.40 (1.40–1.40) |  | < 1.50 | met |`);
    expect(table(1_500)).toContain('| < 1.50 | not met |');
    expect(table(1_400)).toContain(
      '| Local invites meanwhile: p50, ms | 3.00 (3.00–3.00) | 1.50 (1.50–1.50) |',
    );
  });
});
