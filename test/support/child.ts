import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A TypeScript file of this folder, running in a process of its own. */
export class Child {
  readonly process: ChildProcessWithoutNullStreams;
  /** The lines that it has printed so far. */
  readonly lines: string[] = [];
  readonly #ended: Promise<number | null>;
  #complaints = '';

  constructor(script: string, ...parameters: string[]) {
    const path = fileURLToPath(new URL(script, import.meta.url));
    this.process = spawn(process.execPath, ['--import', 'tsx', path, ...parameters]);
    this.process.stderr.on('data', (text) => {
      this.#complaints += text;
    });
    const reader = createInterface(this.process.stdout);
    reader.on('line', (line) => this.lines.push(line));
    this.#ended = Promise.all([once(this.process, 'exit'), once(reader, 'close')]).then(([[code]]) => code);
  }

  /** Resolves when the process has printed so many lines. */
  async hasPrinted(count: number): Promise<void> {
    while (this.lines.length < count) {
      if (this.process.exitCode !== null) throw new Error(`ended early: ${this.#complaints}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Resolves when the process has ended by itself and well. */
  async end(): Promise<void> {
    const code = await this.#ended;
    if (code !== 0) throw new Error(`exit code ${code}: ${this.#complaints}`);
  }

  /** Ends the process as a power cut would: it gets no chance to tidy up. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.#ended;
  }
}
