import type { Anomaly, History, Logs } from './history.ts';

/** The result of a run. */
export type Report = {
  readonly operations: number;
  /** The number of responses of each kind: `invite 200`, `put broken` … */
  readonly responses: Readonly<Record<string, number>>;
  /** The number of events in the store's logs, besides those that rooms start with. */
  readonly events: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly anomalies: readonly Anomaly[];
  readonly durationMs: number;
};

/** Adds up the results of all rounds. */
export class Tally {
  operations = 0;
  readonly #startedAt = performance.now();
  readonly #responses = new Map<string, number>();
  readonly #anomalies: Anomaly[] = [];
  #events = 0;

  add({ calls }: History, { rooms }: Logs, anomalies: readonly Anomaly[]): void {
    this.operations += calls.length;
    for (const { kind, response } of calls) {
      const name = `${kind} ${response?.status ?? 'broken'}`;
      this.#responses.set(name, (this.#responses.get(name) ?? 0) + 1);
    }
    for (const { events } of rooms) this.#events += events.length;
    this.#anomalies.push(...anomalies);
  }

  report(faults: ReadonlyMap<string, number>, connectionsCut: number | undefined): Report {
    return {
      operations: this.operations,
      responses: Object.fromEntries([...this.#responses].sort()),
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
