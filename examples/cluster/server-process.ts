import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { CannotStart } from './cannot-start.ts';
import { timeLimits } from './time-limits.ts';

export type ServerCommand = {
  /** As messages call it. */
  readonly name: string;
  readonly program: string;
  readonly parameters: readonly string[];
  /** What it reads on stdin. */
  readonly input?: string;
  readonly folder: string;
  /** Whom it runs as; left out: as we do. */
  readonly account?: { readonly uid: number; readonly gid: number };
  /** The signals that end it in good order, and at once. */
  readonly signals: { readonly stop: NodeJS.Signals; readonly kill: NodeJS.Signals };
};

/** A server that this process has started, and ends. */
export class ServerProcess {
  readonly #command: ServerCommand;
  readonly #process: ChildProcess;
  /** The end of what it has printed. */
  #printed = '';
  #isClosing = false;

  constructor(command: ServerCommand) {
    const { name, program, parameters, input = '', folder, account } = command;
    this.#command = command;
    this.#process = spawn(program, parameters, {
      ...account,
      cwd: folder,
      stdio: 'pipe',
      // In a process group of its own: Ctrl-C goes to all processes of a terminal's group, and servers end last.
      detached: true,
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (text) => {
        this.#printed = `${this.#printed}${text}`.slice(-1_000);
      });
    }
    // One that cannot be started breaks the pipe; what it says is told by `answers`.
    this.#process.stdin?.on('error', () => {}).end(input);
    this.#process.on('error', (error) => {
      this.#printed = error.message;
    });
    // Before the handler that removes the folder.
    process.prependOnceListener('exit', this.#killNow);
    this.#process.on('exit', () => {
      process.off('exit', this.#killNow);
      const [lastLine] = this.#printed.trimEnd().split('\n').slice(-1);
      if (!this.#isClosing) console.error(`${name} has ended; the last that it said: ${lastLine}`);
    });
  }

  /** What a user needs to try what happens when it hangs, or is gone. */
  get description(): string {
    return `${this.#command.name} is process ${this.#process.pid}`;
  }

  get #hasEnded(): boolean {
    const { pid, exitCode, signalCode } = this.#process;
    return pid === undefined || exitCode !== null || signalCode !== null;
  }

  /**
   * Waits until the server can be asked.
   *
   * @param ask rejects as long as it cannot
   * @throws {CannotStart} when it ends first, or takes too long
   */
  async answers(ask: () => Promise<unknown>): Promise<void> {
    const end = performance.now() + timeLimits.startMs;
    for (;;) {
      try {
        await ask();
        return;
      } catch {
        if (this.#hasEnded || performance.now() > end) {
          this.#isClosing = true;
          throw new CannotStart(`${this.#command.name} does not start: ${this.#printed}`);
        }
        await delay(50);
      }
    }
  }

  /** Ends the server, and resolves when it is gone. */
  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#hasEnded) return;
    const exited = once(this.#process, 'exit');
    // One that was stopped hears of nothing.
    this.#process.kill('SIGCONT');
    this.#process.kill(this.#command.signals.stop);
    const timer = setTimeout(this.#killNow, timeLimits.closeMs);
    await exited;
    clearTimeout(timer);
  }

  readonly #killNow = (): void => {
    this.#isClosing = true;
    if (!this.#hasEnded) this.#process.kill(this.#command.signals.kill);
  };
}
