import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** A program of the folder client: a Matrix client, in a process of its own, that does what it is told. */
export class Client {
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #complaints = '';

  /** @param node the path of the Node that runs it */
  constructor(node: string, program: string) {
    // What it logs is its own affair: only its answers count, and what it dies of.
    this.#process = fork(program, {
      execPath: node,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#ended = once(this.#process, 'exit');
    this.#process.stderr?.on('data', (text) => {
      this.#complaints += text;
    });
  }

  /** Tells it to do one of its tasks; resolves its answer. Not for two tasks at once. */
  async do(task: string, what: object): Promise<unknown> {
    const answered = once(this.#process, 'message').then(([answer]) => answer);
    this.#process.send({ task, what });
    return Promise.race([answered, this.#ended.then(() => ({ ended: this.#complaints }))]);
  }

  async end(): Promise<void> {
    this.#process.kill();
    await this.#ended;
  }
}
