import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unprivilegedAccount } from '../../servers/unprivileged-account.ts';

type Closeable = { close(): Promise<unknown> };

/** Closes what was opened, in reverse order. */
export class CleanUps {
  readonly #all: (() => Promise<unknown>)[] = [];

  add<T extends Closeable>(closeable: T): T {
    this.#all.push(() => closeable.close());
    return closeable;
  }

  async run(): Promise<void> {
    for (const cleanUp of this.#all.splice(0).reverse()) await cleanUp();
  }
}

/** Creates a temporary folder for a program that runs without root's rights. */
export async function newFolder(): Promise<{ readonly path: string; close(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'invite-operations-'));
  return { path, close: () => rm(path, { recursive: true, force: true }) };
}

/** Gives a folder and its files to the account that {@link Program} uses. */
export async function handOver(folder: string): Promise<void> {
  const account = unprivilegedAccount();
  if (account === undefined) return;
  const names = await readdir(folder, { recursive: true });
  for (const path of [folder, ...names.map((name) => join(folder, name))]) {
    await chown(path, account.uid, account.gid);
  }
}

type ProgramOptions = {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Whether to run as this process's user, even if that is root. */
  readonly isPrivileged?: boolean;
};

/** A program in the foreground, without root's rights. */
export class Program {
  readonly process: ChildProcess;
  /** What it has printed to stdout and stderr. */
  output = '';
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;

  constructor(command: string, parameters: readonly string[], options: ProgramOptions = {}) {
    const { cwd, env = process.env, isPrivileged = false } = options;
    this.process = spawn(command, parameters, {
      ...(isPrivileged ? {} : unprivilegedAccount()),
      cwd: cwd ?? tmpdir(),
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.ended = once(this.process, 'close').then(([code, signal]) => code ?? signal);
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** Sends a signal, and resolves {@link ended}. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    if (!this.hasEnded) this.process.kill(signal);
    return this.ended;
  }

  close(): Promise<unknown> {
    return this.stop('SIGKILL');
  }
}
