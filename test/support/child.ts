import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Runs a TypeScript file of this folder in a child process. */
export class Child {
  readonly process: ChildProcessWithoutNullStreams;
  /** The lines that the process has printed so far. */
  readonly lines: string[] = [];
  readonly #ended: Promise<number | null>;
  #errors = '';

  constructor(script: string, ...parameters: string[]) {
    const path = fileURLToPath(new URL(script, import.meta.url));
    this.process = spawn(process.execPath, ['--import', 'tsx', path, ...parameters]);
    this.process.stderr.on('data', (text) => {
      this.#errors += text;
    });
    const reader = createInterface(this.process.stdout);
    reader.on('line', (line) => this.lines.push(line));
    this.#ended = Promise.all([once(this.process, 'exit'), once(reader, 'close')]).then(([[code]]) => code);
  }

  /** Resolves once the process has printed this many lines. */
  async hasPrinted(count: number): Promise<void> {
    while (this.lines.length < count) {
      if (this.process.exitCode !== null) throw new Error(`The process ended early: ${this.#errors}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Resolves once the process has exited with code 0. */
  async end(): Promise<void> {
    const code = await this.#ended;
    if (code !== 0) throw new Error(`The process ended with code ${code}: ${this.#errors}`);
  }

  /** Kills the process, which gets no chance to clean up. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.#ended;
  }
}
