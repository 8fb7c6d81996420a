import { ratioOf, spreadOf } from '../harness/statistics.ts';
import { ratio, table } from '../report/markdown.ts';
import type { RemoteLoad, RemoteTimes } from './remote-invites.ts';
import type { SigningCosts } from './signing.ts';

const MAX_SIGNING_RATIO = 1.5;
/** What the requests may take beside the other server's own time. */
const MAX_OVERHEAD_MS = 500;

/** Returns the costs of an event, with their ratios within each round. */
export function signingTable(bytes: number, rounds: readonly SigningCosts[]): string {
  const of = (name: keyof SigningCosts) => rounds.map((costs) => costs[name]);
  const row = (label: string, name: keyof SigningCosts, limit?: number) => {
    const spread = ratioOf(of(name), of('sign'));
    const target =
      limit === undefined ? ['', ''] : [`≤ ${limit.toFixed(2)}`, verdict(spread.median <= limit)];
    return [label, spreadOf(of(name)).median.toFixed(1), ratio(spread), ...target];
  };
  return table(
    ['', 'CPU, µs', 'vs. signing alone', 'target', ''],
    [
      row(`\`sign\` of \`node:crypto\` alone, ${bytes} bytes`, 'sign'),
      row('Content hash, signature and reference hash of an event', 'signAndHash', MAX_SIGNING_RATIO),
      row('`buildPdu`', 'build'),
    ],
  );
}

/** Returns the times of remote invites, and of local invites beside them. */
export function remoteTable({ invites, answerMs }: RemoteLoad, rounds: readonly RemoteTimes[]): string {
  const of = (name: keyof RemoteTimes) => rounds.map((times) => times[name]);
  const seconds = (millis: number) => millis / 1_000;
  const together = spreadOf(of('together').map(seconds));
  const answer = `${seconds(answerMs)} s`;
  const limit = seconds(answerMs + MAX_OVERHEAD_MS);
  const slowdown = ratio(ratioOf(of('localMeanwhile'), of('localAlone')));
  return table(
    ['', 'measured', 'vs. alone', 'target', ''],
    [
      [
        `${invites} remote invites, ${answer} for each answer: all together, s`,
        ratio(together),
        '',
        `< ${limit.toFixed(2)}`,
        verdict(together.median < limit),
      ],
      ['Local invites in the same room, alone: p50, ms', ratio(spreadOf(of('localAlone'))), '1.00', '', ''],
      ['Local invites meanwhile: p50, ms', ratio(spreadOf(of('localMeanwhile'))), slowdown, '', ''],
    ],
  );
}

function verdict(isMet: boolean): string {
  return isMet ? 'met' : 'not met';
}
