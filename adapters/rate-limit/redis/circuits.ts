import type { Connection } from './connection.ts';

/** Milliseconds until the first probe after a command has failed without an answer. It doubles from there. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Milliseconds until the next probe while commands have no reply. Redis answers in the order of the commands,
 * so a probe would only wait behind them: this is for replies that a client has lost.
 */
const OVERDUE_PAUSE_MS = 30_000;

/** A command whose result decides about a circuit. */
export type WatchedCommand = {
  readonly counter: { readonly redisKey: string };
  /** Resolves when the command has a result. Never rejects. */
  readonly settled: Promise<void>;
  /** True if the server itself has answered, even with an error. */
  readonly isAnswered: boolean;
};

/**
 * Remembers which servers do not answer, so that calls neither wait for them nor pile up commands.
 *
 * A server's circuit opens when a command has no reply in time, or when the client reports a result that is
 * not the server's answer. While it is open, calls fail at once, except for one at a time: the probe. A probe
 * is due as soon as the overdue commands have their replies, since the server then answers again, or after a
 * pause if there is no reply to wait for. An answer closes the circuit.
 *
 * A single slow command does open the circuit. On one connection, every later command waits behind it, so
 * these calls would be late as well.
 */
export class Circuits {
  readonly #connection: Connection;
  /** The open circuits by the address of their server. Usually empty. */
  readonly #open = new Map<string, Circuit>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Returns the error of an open circuit that keeps these keys from being asked for now. */
  errorOf(keys: readonly { readonly redisKey: string }[]): { readonly error: unknown } | undefined {
    if (this.#open.size === 0) return undefined;
    return this.#of(keys).find((circuit) => circuit.probeAt > performance.now());
  }

  /**
   * Admits a call, perhaps as a probe.
   *
   * @throws the error that opened the circuit of one of its servers
   */
  admit(keys: readonly { readonly redisKey: string }[]): void {
    if (this.#open.size === 0) return;
    const open = this.errorOf(keys);
    if (open !== undefined) throw open.error;
    for (const circuit of this.#of(keys)) circuit.pause(OVERDUE_PAUSE_MS);
  }

  /** Forgets the past: there is a new connection. */
  closeAll(): void {
    this.#open.clear();
  }

  /** Reports a command that has an answer. */
  close({ counter }: WatchedCommand): void {
    if (this.#open.size > 0) this.#open.delete(this.#connection.serverOf(counter.redisKey));
  }

  /** Reports a command that has failed without an answer, or has no result in time. */
  async open(command: WatchedCommand, error: unknown, isOverdue: boolean): Promise<void> {
    if (!isOverdue && !this.#connection.isUsable) {
      // The client has lost its connection. Until it has a new one, no command is sent anyway.
      this.close(command);
      return;
    }
    const server = this.#connection.serverOf(command.counter.redisKey);
    const circuit = this.#open.get(server) ?? new Circuit(error);
    this.#open.set(server, circuit);
    if (!isOverdue) {
      circuit.pauseLonger();
      return;
    }
    circuit.overdue += 1;
    circuit.pause(OVERDUE_PAUSE_MS);
    await command.settled;
    circuit.overdue -= 1;
    if (circuit.overdue > 0) return;
    if (command.isAnswered) circuit.pause(0);
    else if (this.#connection.isUsable) circuit.pauseLonger();
    else if (this.#open.get(server) === circuit) this.#open.delete(server);
  }

  #of(keys: readonly { readonly redisKey: string }[]): readonly Circuit[] {
    const servers = new Set(keys.map(({ redisKey }) => this.#connection.serverOf(redisKey)));
    return [...servers].flatMap((server) => this.#open.get(server) ?? []);
  }
}

/** The open circuit of one server. */
class Circuit {
  /** The failure that opened it. */
  readonly error: unknown;
  /** The number of commands without a reply. */
  overdue = 0;
  #probeAt = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #pauseEndsAt = 0;

  constructor(error: unknown) {
    this.error = error;
  }

  /** The time of `performance.now()` from which on one call is the next probe. */
  get probeAt(): number {
    return this.#probeAt;
  }

  pause(ms: number): void {
    this.#probeAt = performance.now() + ms;
  }

  /** Pauses twice as long as the last time. Failures that belong together cause a single pause. */
  pauseLonger(): void {
    const now = performance.now();
    if (now >= this.#pauseEndsAt) {
      this.#pauseEndsAt = now + this.#pauseMs;
      this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
    }
    this.#probeAt = this.#pauseEndsAt;
  }
}
