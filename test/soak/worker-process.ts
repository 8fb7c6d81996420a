import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Death, Notice, Pause } from './history.ts';
import { HttpClient } from './http-client.ts';
import type { WorkerConfig, WorkerMessage } from './worker-config.ts';

const SCRIPT = fileURLToPath(new URL('worker.ts', import.meta.url));

/** Receives what a worker does besides responding. */
export type WorkerListener = {
  note(notice: Notice): void;
  pause(pause: Pause): void;
  died(death: Death): void;
};

/** A worker from the driver's side: a process that can be killed and restarted. */
export class WorkerProcess {
  readonly index: number;
  /** The number of calls without a response so far. */
  pendingCalls = 0;
  readonly #config: WorkerConfig;
  readonly #listener: WorkerListener;
  #process: ChildProcess | undefined;
  #client: HttpClient | undefined;

  constructor(index: number, config: WorkerConfig, listener: WorkerListener) {
    this.index = index;
    this.#config = config;
    this.#listener = listener;
  }

  /** The client for calling it; `undefined` while it is not running. */
  get client(): HttpClient | undefined {
    return this.#client;
  }

  async start(): Promise<void> {
    const child = fork(SCRIPT, [JSON.stringify(this.#config)], { execArgv: ['--import', 'tsx'] });
    this.#process = child;
    const port = await new Promise<number>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`worker ${this.index} exited with ${code}`)));
      child.on('message', (message: WorkerMessage) => {
        if (message.type === 'listening') resolve(message.port);
        else if (message.type === 'paused') {
          const { timeOrigin } = performance;
          const [from, to] = [message.from - timeOrigin, message.to - timeOrigin];
          this.#listener.pause({ worker: this.index, from, to });
        } else for (const notice of message.notices) this.#listener.note({ worker: this.index, ...notice });
      });
    });
    this.#client = new HttpClient(port);
    child.once('exit', () => {
      if (this.#process === child) void this.#restart();
    });
  }

  /** Ends the process like a power cut. Pending calls break. */
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

  async #restart(): Promise<void> {
    this.#listener.died({ worker: this.index, at: performance.now() });
    this.#client?.close();
    this.#client = undefined;
    await this.start();
  }

  /** Pauses the process, like a machine that hangs. */
  async pauseFor(wait: Promise<void>): Promise<void> {
    const from = performance.now();
    this.#process?.kill('SIGSTOP');
    await wait;
    this.#process?.kill('SIGCONT');
    this.#listener.pause({ worker: this.index, from, to: performance.now() });
  }
}
