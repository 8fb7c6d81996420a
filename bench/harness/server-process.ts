import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Question, Questions, Ready, Reply, ServerSetting } from '../server/setting.ts';

/** A server of the benchmark, in processes of its own. */
export class ServerProcess {
  readonly port: number;
  /** Of all its processes. */
  readonly pids: readonly number[];
  /** What it has written so far. */
  readonly output: () => string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, { port, pids }: Ready, output: () => string) {
    this.#child = child;
    this.port = port;
    this.pids = pids;
    this.output = output;
  }

  /** @param nodeArguments such as `--expose-gc` */
  static async start(
    file: string,
    setting: ServerSetting,
    nodeArguments: readonly string[] = [],
  ): Promise<ServerProcess> {
    const child = spawn(process.execPath, [...nodeArguments, file], {
      env: {
        ...process.env,
        NODE_ENV: 'production',
        NODE_OPTIONS: '',
        BENCH_SERVER: JSON.stringify(setting),
      },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const chunks: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    const output = () => Buffer.concat(chunks).toString();
    const exited = once(child, 'exit').then(([code]) => {
      throw new Error(`a server ended with ${code}: ${output().slice(-1_000)}`);
    });
    const [ready] = (await Promise.race([once(child, 'message'), exited])) as [Ready];
    exited.catch(() => {});
    return new ServerProcess(child, ready, output);
  }

  async ask<Q extends Question>(question: Q): Promise<Questions[Q]> {
    const replied = once(this.#child, 'message') as Promise<[Reply<Q>]>;
    this.#child.send(question);
    const [{ reply }] = await replied;
    return reply;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = Promise.all([
      once(this.#child, 'exit'),
      this.#child.stdout && once(this.#child.stdout, 'close'),
    ]);
    this.#child.disconnect();
    await ended;
  }
}
