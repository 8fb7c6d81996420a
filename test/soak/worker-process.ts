import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Death, Notice, Pause } from './history.ts';
import { HttpClient } from './http-client.ts';
import type { WorkerMessage, WorkerSettings } from './worker-settings.ts';

const SCRIPT = fileURLToPath(new URL('worker.ts', import.meta.url));

/** Who is told of what a worker does, beside its answers. */
export type WorkerListener = {
  note(notice: Notice): void;
  pause(pause: Pause): void;
  died(death: Death): void;
};

/** A worker as the driver holds it: a process that is killed and started anew. */
export class WorkerProcess {
  readonly index: number;
  /** Calls that have no answer yet. */
  underWay = 0;
  readonly #settings: WorkerSettings;
  readonly #listener: WorkerListener;
  #process: ChildProcess | undefined;
  #client: HttpClient | undefined;

  constructor(index: number, settings: WorkerSettings, listener: WorkerListener) {
    this.index = index;
    this.#settings = settings;
    this.#listener = listener;
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
        else for (const notice of message.notices) this.#listener.note({ worker: this.index, ...notice });
      });
    });
    this.#client = new HttpClient(port);
    child.once('exit', () => {
      if (this.#process === child) void this.#startAgain();
    });
  }

  /** Ends the process as a power cut would; calls under way break. */
  async kill(): Promise<void> {
    const child = this.#process;
    const client = this.#client;
    this.#process = undefined;
    this.#client = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    client?.close();
  }

  async #startAgain(): Promise<void> {
    this.#listener.died({ worker: this.index, at: performance.now() });
    this.#client?.close();
    this.#client = undefined;
    await this.start();
  }

  /** Stops the process, as a machine that hangs. */
  async stopFor(wait: Promise<void>): Promise<void> {
    const from = performance.now();
    this.#process?.kill('SIGSTOP');
    await wait;
    this.#process?.kill('SIGCONT');
    this.#listener.pause({ worker: this.index, from, to: performance.now() });
  }
}
