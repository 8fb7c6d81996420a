import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** A Matrix client in its own process: one of the programs in the folder `client`. */
export class Client {
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #stderr = '';

  /** @param node the path of the Node executable to run it with */
  constructor(node: string, program: string) {
    // Ignore what it logs. Only its results count, and its stderr if it exits.
    this.#process = fork(program, {
      execPath: node,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#ended = once(this.#process, 'exit');
    this.#process.stderr?.on('data', (text) => {
      this.#stderr += text;
    });
  }

  /** Runs one of its tasks and returns the result. Tasks must not overlap. */
  async run(task: string, params: object): Promise<unknown> {
    const result = once(this.#process, 'message').then(([message]) => message);
    this.#process.send({ task, params });
    return Promise.race([result, this.#ended.then(() => ({ ended: this.#stderr }))]);
  }

  async end(): Promise<void> {
    this.#process.kill();
    await this.#ended;
  }
}
