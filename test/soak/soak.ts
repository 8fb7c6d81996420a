import { check } from './check.ts';
import { FaultInjector } from './faults.ts';
import type { Anomaly, Call, Settings } from './history.ts';
import { SeededRandom } from './random.ts';
import { Round } from './round.ts';
import { openPostgres, openSqlite } from './store.ts';
import { WorkerProcess } from './worker-process.ts';
import type { Sabotage } from './worker-settings.ts';

/** What a run is asked for. */
export type SoakOptions = {
  readonly operations: number;
  readonly storage: 'sqlite' | 'postgres';
  readonly seed: number;
  readonly faults: boolean;
  /** Default: none. */
  readonly sabotage?: Sabotage;
  /** Told after each round. Default: nobody is. */
  readonly onProgress?: (report: Report) => void;
};

/** What came of a run. */
export type Report = {
  readonly operations: number;
  /** How often each kind of answer came: `invite 200`, `put broken` … */
  readonly answers: Readonly<Record<string, number>>;
  readonly events: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly anomalies: readonly Anomaly[];
  readonly durationMs: number;
};

const WORKERS = 4;
/** Rooms are retired and checked after so many operations: what is kept in memory does not grow with a run. */
const OPERATIONS_OF_A_ROUND = 20_000;
const DEADLINE_MS = 2_000;

/** Runs operations on a store of its own, with faults if wanted, and checks all that came of it. */
export async function soak(options: SoakOptions): Promise<Report> {
  const { operations, storage, seed, faults, sabotage, onProgress } = options;
  const startedAt = performance.now();
  const random = new SeededRandom(seed);
  const faultRandom = new SeededRandom(seed ^ 0x5eed);
  const store = storage === 'sqlite' ? await openSqlite() : await openPostgres(faultRandom);
  let round: Round | undefined;
  const workers = Array.from(
    { length: WORKERS },
    (_, index) =>
      new WorkerProcess(
        index,
        { store: store.settings, deadlineMs: DEADLINE_MS, rateLimit: undefined, sabotage },
        {
          note: (notice) => round?.note(notice),
          pause: (pause) => round?.pause(pause),
          died: (death) => round?.died(death),
        },
      ),
  );
  const injector = new FaultInjector(workers, store, faultRandom);
  const settings: Settings = {
    deadlineMs: DEADLINE_MS,
    graceMs: 1_000,
    outcomesCanBeUnknown: faults && storage === 'postgres',
    limits: [],
  };
  const tally = new Tally();
  const report = (): Report => ({
    ...tally.sums(),
    faults: {
      ...Object.fromEntries(injector.counts),
      ...(store.postgres && faults ? { 'connections cut': store.postgres.proxy.cutsMade } : {}),
    },
    durationMs: performance.now() - startedAt,
  });
  try {
    await Promise.all(workers.map((worker) => worker.start()));
    for (let number = 1; tally.operations < operations; number += 1) {
      round = new Round(`${seed}-${number}`, store, workers, random);
      const wanted = Math.min(OPERATIONS_OF_A_ROUND, operations - tally.operations);
      await round.run(wanted, (signal) => (faults ? injector.run(signal) : Promise.resolve()));
      const { history, logs } = await round.outcome();
      tally.add(history.calls, logs.rooms, check(history, logs, settings));
      onProgress?.(report());
    }
    return report();
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()));
    await store.close();
  }
}

/** Sums over all rounds. */
class Tally {
  operations = 0;
  readonly #answers = new Map<string, number>();
  readonly #anomalies: Anomaly[] = [];
  #events = 0;

  add(
    calls: readonly Call[],
    rooms: readonly { readonly events: readonly unknown[] }[],
    anomalies: readonly Anomaly[],
  ): void {
    this.operations += calls.length;
    for (const { kind, answer } of calls) {
      const name = `${kind} ${answer?.status ?? 'broken'}`;
      this.#answers.set(name, (this.#answers.get(name) ?? 0) + 1);
    }
    for (const { events } of rooms) this.#events += events.length;
    this.#anomalies.push(...anomalies);
  }

  sums() {
    return {
      operations: this.operations,
      answers: Object.fromEntries([...this.#answers].sort()),
      events: this.#events,
      anomalies: this.#anomalies,
    };
  }
}
