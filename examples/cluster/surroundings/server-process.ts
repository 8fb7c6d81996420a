import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { CannotStart, timeLimits } from '../app/config.ts';

export type ServerCommand = {
  /** The server's name in messages. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Written to stdin. */
  readonly input?: string;
  readonly folder: string;
  /** The account to run as. By default, the account of this process. */
  readonly account?: { readonly uid: number; readonly gid: number };
  /** The signals that end it gracefully, and immediately. */
  readonly signals: { readonly stop: NodeJS.Signals; readonly kill: NodeJS.Signals };
};

/** A server that this process starts and ends. */
export class ServerProcess {
  readonly #command: ServerCommand;
  readonly #process: ChildProcess;
  /** The end of its output. */
  #output = '';
  #isClosing = false;

  constructor(command: ServerCommand) {
    const { name, program, args, input = '', folder, account } = command;
    this.#command = command;
    this.#process = spawn(program, args, {
      ...account,
      cwd: folder,
      stdio: 'pipe',
      // In its own process group: Ctrl-C goes to all processes of the terminal's group, and servers must end last.
      detached: true,
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (text) => {
        this.#output = `${this.#output}${text}`.slice(-1_000);
      });
    }
    // A program that cannot be started breaks the pipe. `waitUntilReady` reports why it did not start.
    this.#process.stdin?.on('error', () => {}).end(input);
    this.#process.on('error', (error) => {
      this.#output = error.message;
    });
    // Runs before the listener that removes the folder.
    process.prependOnceListener('exit', this.#killNow);
    this.#process.on('exit', () => {
      process.off('exit', this.#killNow);
      const [lastLine] = this.#output.trimEnd().split('\n').slice(-1);
      if (!this.#isClosing) console.error(`${name} exited. Its last output: ${lastLine}`);
    });
  }

  /** The server's name and PID, for users who want to stop or kill it. */
  get description(): string {
    return `${this.#command.name} has PID ${this.#process.pid}`;
  }

  get #hasExited(): boolean {
    const { pid, exitCode, signalCode } = this.#process;
    return pid === undefined || exitCode !== null || signalCode !== null;
  }

  /**
   * Waits until the server accepts requests.
   *
   * @param check rejects while the server is not ready
   * @throws {CannotStart} if the server exits first, or takes too long
   */
  async waitUntilReady(check: () => Promise<unknown>): Promise<void> {
    const end = performance.now() + timeLimits.startMs;
    for (;;) {
      try {
        await check();
        return;
      } catch {
        if (this.#hasExited || performance.now() > end) {
          this.#isClosing = true;
          throw new CannotStart(`${this.#command.name} did not start: ${this.#output}`);
        }
        await delay(50);
      }
    }
  }

  /** Ends the server, and resolves when it has exited. */
  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#hasExited) return;
    const exited = once(this.#process, 'exit');
    // A process that was paused with SIGSTOP does not handle signals.
    this.#process.kill('SIGCONT');
    this.#process.kill(this.#command.signals.stop);
    const timer = setTimeout(this.#killNow, timeLimits.closeMs);
    await exited;
    clearTimeout(timer);
  }

  readonly #killNow = (): void => {
    this.#isClosing = true;
    if (!this.#hasExited) this.#process.kill(this.#command.signals.kill);
  };
}
