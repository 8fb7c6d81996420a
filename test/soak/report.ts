import type { Anomaly, History, Logs } from './history.ts';

/** What came of a run. */
export type Report = {
  readonly operations: number;
  /** How often each kind of answer came: `invite 200`, `put broken` … */
  readonly answers: Readonly<Record<string, number>>;
  /** How many events the store's logs have, beside those that rooms start with. */
  readonly events: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly anomalies: readonly Anomaly[];
  readonly durationMs: number;
};

/** Sums over all rounds. */
export class Tally {
  operations = 0;
  readonly #startedAt = performance.now();
  readonly #answers = new Map<string, number>();
  readonly #anomalies: Anomaly[] = [];
  #events = 0;

  add({ calls }: History, { rooms }: Logs, anomalies: readonly Anomaly[]): void {
    this.operations += calls.length;
    for (const { kind, answer } of calls) {
      const name = `${kind} ${answer?.status ?? 'broken'}`;
      this.#answers.set(name, (this.#answers.get(name) ?? 0) + 1);
    }
    for (const { events } of rooms) this.#events += events.length;
    this.#anomalies.push(...anomalies);
  }

  report(faults: ReadonlyMap<string, number>, connectionsCut: number | undefined): Report {
    return {
      operations: this.operations,
      answers: Object.fromEntries([...this.#answers].sort()),
      events: this.#events,
      faults: {
        ...Object.fromEntries([...faults].sort()),
        ...(connectionsCut ? { 'connections cut in a commit': connectionsCut } : {}),
      },
      anomalies: this.#anomalies,
      durationMs: performance.now() - this.#startedAt,
    };
  }
}
