import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Notice, Pause } from './history.ts';
import { HttpClient } from './http-client.ts';
import type { WorkerMessage, WorkerSettings } from './worker-settings.ts';

const SCRIPT = fileURLToPath(new URL('worker.ts', import.meta.url));

/** A worker as the driver holds it: a process that is killed and started anew. */
export class WorkerProcess {
  readonly index: number;
  /** Calls that have no answer yet. */
  underWay = 0;
  readonly #settings: WorkerSettings;
  readonly #onNotice: (notice: Notice) => void;
  readonly #onPause: (pause: Pause) => void;
  #process: ChildProcess | undefined;
  #client: HttpClient | undefined;

  constructor(
    index: number,
    settings: WorkerSettings,
    onNotice: (notice: Notice) => void,
    onPause: (pause: Pause) => void,
  ) {
    this.index = index;
    this.#settings = settings;
    this.#onNotice = onNotice;
    this.#onPause = onPause;
  }

  /** How to call it; `undefined` while it is not there. */
  get client(): HttpClient | undefined {
    return this.#client;
  }

  async start(): Promise<void> {
    const child = fork(SCRIPT, [JSON.stringify(this.#settings)], { execArgv: ['--import', 'tsx'] });
    this.#process = child;
    const port = await new Promise<number>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`worker ${this.index} ended with ${code}`)));
      child.on('message', (message: WorkerMessage) => {
        if (message.type === 'listening') resolve(message.port);
        else for (const notice of message.notices) this.#onNotice({ worker: this.index, ...notice });
      });
    });
    this.#client = new HttpClient(port);
  }

  /** Ends the process as a power cut would; calls under way break. */
  async kill(): Promise<void> {
    const child = this.#process;
    const client = this.#client;
    this.#process = undefined;
    this.#client = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    client?.close();
  }

  /** Stops the process, as a machine that hangs. */
  async stopFor(wait: Promise<void>): Promise<void> {
    const from = performance.now();
    this.#process?.kill('SIGSTOP');
    await wait;
    this.#process?.kill('SIGCONT');
    this.#onPause({ worker: this.index, from, to: performance.now() });
  }
}
