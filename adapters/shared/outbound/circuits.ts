import { ExpiringMap } from '../../../src/internal/expiring-map.ts';

/** The number of faults in a row after which a server is not asked for a while. */
const MAX_FAULTS = 3;

/** The time until one request may try whether the server answers again, in milliseconds. */
const PAUSE_MS = 30_000;

/** The time after which a server's faults are forgotten. Names come from clients, so their number is limited as well. */
const MEMORY_MS = 600_000;
const MAX_SERVERS = 10_000;

type Faults = { readonly count: number; readonly probeAt: number };

/**
 * Remembers which servers do not answer, so that requests fail at once instead of waiting for them. Any answer proves
 * that a server is alive: a single forbidden request must not stop all the others.
 */
export class Circuits {
  readonly #faults = new ExpiringMap<Faults>(MAX_SERVERS);

  /** Returns true if a request to the server would not be admitted now. */
  isOpen(server: string): boolean {
    const faults = this.#faults.get(server);
    return faults !== undefined && faults.count >= MAX_FAULTS && performance.now() < faults.probeAt;
  }

  /** Admits a request, perhaps as the probe. Returns false if the server must not be asked now. */
  admit(server: string): boolean {
    if (this.isOpen(server)) return false;
    const count = this.#faults.get(server)?.count ?? 0;
    if (count >= MAX_FAULTS) this.#set(server, count);
    return true;
  }

  reportAnswer(server: string): void {
    this.#faults.delete(server);
  }

  reportFault(server: string): void {
    this.#set(server, (this.#faults.get(server)?.count ?? 0) + 1);
  }

  #set(server: string, count: number): void {
    this.#faults.set(server, { count, probeAt: performance.now() + PAUSE_MS }, MEMORY_MS);
  }
}
