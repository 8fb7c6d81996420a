import type { BenchOptions } from '../arguments.ts';
import { type Case, DEFAULT_CASE, TRAFFIC } from '../harness/case.ts';
import { describeState, quietness } from '../harness/machine.ts';
import { withServer } from '../harness/measure.ts';
import { ratioOf, spreadOf } from '../harness/statistics.ts';
import { makeStore } from '../harness/store.ts';
import { Testbed } from '../harness/testbed.ts';
import { rate, table } from '../report/markdown.ts';
import type { Outcome } from '../report/page.ts';
import { roomIdOf } from '../server/rooms.ts';
import { Connection } from './connection.ts';

/** What an outsider can compare: the median latency of a round for each kind of room, in microseconds. */
export type Medians = { readonly unknown: number; readonly known: number };

const LEVELS = [0, 1_500];
const LABELS = { memory: 'memory', sqlite: 'SQLite', postgres: 'PostgreSQL' } as const;

const ROWS = (['memory', 'sqlite', 'postgres'] as const).flatMap((store) =>
  LEVELS.map((levels) => ({
    id: `${store}-${levels}`,
    label: `${LABELS[store]}, ${(levels + 1).toLocaleString('en-US')} in the power levels`,
    testCase: { ...DEFAULT_CASE, store, levels, rooms: 100, traffic: 'forbidden' } satisfies Case,
  })),
);

/** Measures whether response times tell somebody who is in no room which rooms exist. */
export async function timing({ rounds, seconds, rows: pattern }: BenchOptions): Promise<Outcome> {
  const before = await quietness();
  const rows = ROWS.filter(({ id }) => pattern === undefined || pattern.test(id));
  const testbed = await Testbed.start(rows.map(({ testCase }) => testCase));
  const medians = new Map<string, Medians[]>(rows.map(({ id }) => [id, []]));
  try {
    for (let round = 1; round <= rounds; round += 1) {
      for (const { id, testCase } of rows) {
        const measured = await measureTiming(testbed, testCase, seconds);
        medians.get(id)?.push(measured);
        console.log(`round ${round} of ${rounds}: ${id} ${measured.unknown} and ${measured.known} µs`);
      }
    }
  } finally {
    await testbed.close();
  }
  const lines = rows.map(({ id, label }) => timingLine(label, medians.get(id) ?? []));
  const head = ['', 'room that does not exist, µs', 'room that exists, µs', 'difference'];
  return {
    blocks: {
      timing: `${describeState(before)}\nRounds: ${rounds}. Seconds per row: ${seconds}. Connections: 1.\n\n${table(head, lines)}`,
    },
    charts: {},
    failures: [],
  };
}

/** Returns the line of a row, with the difference of its medians in percent. */
export function timingLine(label: string, medians: readonly Medians[]): string[] {
  const [unknown, known] = [medians.map((each) => each.unknown), medians.map((each) => each.known)];
  const ratio = ratioOf(known, unknown);
  const [median, min, max] = [ratio.median, ratio.min, ratio.max].map((value) =>
    ((value - 1) * 100).toFixed(1),
  );
  return [label, rate(spreadOf(unknown)), rate(spreadOf(known)), `${median} % (${min}–${max})`];
}

/** Sends pairs of requests, one to each kind of room, in a random order, and returns the medians. */
export async function measureTiming(testbed: Testbed, testCase: Case, seconds: number): Promise<Medians> {
  const { token, status } = TRAFFIC[testCase.traffic];
  const store = await makeStore(testbed, testCase);
  try {
    return await withServer(testbed, { store, testCase }, async ({ port }) => {
      const connection = await Connection.open(port, token);
      const micros = { unknown: [] as number[], known: [] as number[] };
      const sendPairs = async (until: number) => {
        for (let pair = 0; performance.now() < until; pair += 1) {
          const known = roomIdOf(pair % testCase.rooms);
          const order = ['unknown', 'known'] as const;
          for (const kind of Math.random() < 0.5 ? order : order.toReversed()) {
            const roomId = kind === 'known' ? known : known.replace('room', 'none');
            const invitee = `@guest${pair}:example.org`;
            micros[kind].push(await connection.invite(roomId, invitee, status));
          }
        }
      };
      try {
        // Not counted: V8 compiles the hot functions.
        await sendPairs(performance.now() + seconds * 1_000);
        micros.unknown.length = 0;
        micros.known.length = 0;
        await sendPairs(performance.now() + seconds * 1_000);
      } finally {
        connection.close();
      }
      return { unknown: spreadOf(micros.unknown).median, known: spreadOf(micros.known).median };
    });
  } finally {
    await store.remove();
  }
}
