import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach } from 'vitest';
import { installedCommand } from '../../servers/debian-package.ts';

type Command = readonly [program: string, ...args: readonly string[]];

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A file path for an example's database. Its folder is removed after the test. */
export async function newDatabasePath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'invite-example-'));
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'example.sqlite');
}

/** An example in a separate process, which is killed after the test if it still runs. */
export class Example {
  readonly process: ChildProcessWithoutNullStreams;
  stdout = '';
  stderr = '';
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;

  /** Runs `examples/<name>/main.ts` as users do: from the repository's root. */
  constructor(
    name: string,
    environment: Readonly<Record<string, string>> = {},
    [program, ...args]: Command = [process.execPath, '--import', 'tsx', `examples/${name}/main.ts`],
  ) {
    this.process = spawn(program, args, {
      cwd: ROOT,
      env: { PATH: process.env.PATH, PORT: '0', ...environment },
    });
    this.process.stdout.on('data', (text) => {
      this.stdout += text;
    });
    this.process.stderr.on('data', (text) => {
      this.stderr += text;
    });
    this.ended = once(this.process, 'close').then(([code, signal]) => code ?? signal);
    cleanUps.push(async () => {
      this.process.kill('SIGKILL');
      await this.ended;
    });
  }

  /** Starts an example, and resolves when it prints its address. */
  static async start(
    name: string,
    environment?: Readonly<Record<string, string>>,
    command?: Command,
  ): Promise<Example> {
    const example = new Example(name, environment, command);
    await example.hasPrinted(/^Listening on http.*\n/m);
    return example;
  }

  get url(): string {
    return /^Listening on (http:\/\/[^\s,]+)/m.exec(this.stdout)?.[1] ?? '';
  }

  async hasPrinted(text: string | RegExp): Promise<void> {
    while (this.stdout.search(text) === -1) {
      if (this.process.exitCode !== null || this.process.signalCode !== null)
        throw new Error(`The example exited early: ${this.stderr}${this.stdout}`);
      await delay(5);
    }
  }

  /** Sends a signal, and resolves {@link ended}. */
  async stop(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    this.process.kill(signal);
    return this.ended;
  }
}

/** Runs a command as if it were pasted into bash, and resolves its output. */
export async function inBash(command: string): Promise<string> {
  const run = promisify(execFile);
  // The printed commands need it.
  await installedCommand('curl');
  // `-H` enables the expansion of `!`, as in a terminal.
  const { stdout, stderr } = await run('bash', ['-H', '-c', command], {
    env: { ...process.env, no_proxy: '*' },
  });
  if (stderr !== '') throw new Error(stderr);
  return stdout;
}

/** Connects, but sends nothing. */
export async function silentConnection(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  cleanUps.push(async () => {
    socket.destroy();
  });
  await once(socket, 'connect');
}

/** A port that another server uses until the test ends. */
export async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(async () => {
    server.close();
  });
  return portOf(server.address());
}

/** A port that is free at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server.address());
  server.close();
  await once(server, 'close');
  return port;
}

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  if (address === null || typeof address === 'string') throw new Error('not a TCP server');
  return address.port;
}
