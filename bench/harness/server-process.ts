import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Query, QueryResults, Ready, Reply, ServerConfig } from '../server/config.ts';

/** A benchmark server in one or more child processes. */
export class ServerProcess {
  readonly port: number;
  /** The IDs of all of its processes. */
  readonly pids: readonly number[];
  /** Returns everything that the server has written to stdout so far. */
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
    config: ServerConfig,
    nodeArguments: readonly string[] = [],
  ): Promise<ServerProcess> {
    const child = spawn(process.execPath, [...nodeArguments, file], {
      env: {
        ...process.env,
        NODE_ENV: 'production',
        NODE_OPTIONS: '',
        BENCH_SERVER: JSON.stringify(config),
      },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const chunks: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    const output = () => Buffer.concat(chunks).toString();
    const exited = once(child, 'exit').then(([code]) => {
      throw new Error(`A server exited with ${code}: ${output().slice(-1_000)}`);
    });
    const [ready] = (await Promise.race([once(child, 'message'), exited])) as [Ready];
    exited.catch(() => {});
    return new ServerProcess(child, ready, output);
  }

  async query<Q extends Query>(query: Q): Promise<QueryResults[Q]> {
    const replied = once(this.#child, 'message') as Promise<[Reply<Q>]>;
    this.#child.send(query);
    const [{ result }] = await replied;
    return result;
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
