import { fileURLToPath } from 'node:url';
import { eventually } from '../../servers/eventually.ts';
import { freePort } from '../../servers/free-port.ts';
import { Program } from './program.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const ALICE = '@alice:localhost';
const LOBBY = '!lobby:localhost';

/** Alice, and 50 users who have not joined the room. None of them reaches a rate limit of their own. */
const TOKENS: Readonly<Record<string, string>> = {
  'alice-token': ALICE,
  ...Object.fromEntries(
    Array.from({ length: 50 }, (_, index) => [`token-${index}`, `@user${index}:localhost`]),
  ),
};

type Environment = Readonly<Record<string, string>>;

/** Runs a file of the example as in a clone of the repository. */
function runExample(file: string, environment: Environment): Program {
  const parameters = ['--import', 'tsx', `examples/operations/${file}`];
  return new Program(process.execPath, parameters, {
    cwd: ROOT,
    env: { PATH: process.env.PATH, ...environment },
    // It reads the repository, which may belong to root.
    isPrivileged: true,
  });
}

/** Creates the tables and the room. */
export async function migrate(environment: Environment): Promise<void> {
  const program = runExample('migrate.ts', environment);
  if ((await program.ended) !== 0) throw new Error(program.output);
}

/** One process of the example. */
export class App {
  readonly port: number;
  readonly metricsPort: number;
  readonly program: Program;

  private constructor(port: number, metricsPort: number, program: Program) {
    this.port = port;
    this.metricsPort = metricsPort;
    this.program = program;
  }

  static async start(environment: Environment, port?: number): Promise<App> {
    const usedPort = port ?? (await freePort());
    const metricsPort = await freePort();
    const program = runExample('main.ts', {
      PORT: String(usedPort),
      METRICS_PORT: String(metricsPort),
      ACCESS_TOKENS: JSON.stringify(TOKENS),
      DRAIN_MS: '1',
      ...environment,
    });
    const app = new App(usedPort, metricsPort, program);
    await eventually('the process is healthy', async () => {
      if (program.hasEnded) throw new Error(program.output);
      return (await fetch(`http://127.0.0.1:${usedPort}/health`)).ok;
    }).catch(async (error: Error) => {
      await program.close();
      throw new Error(`${error.message}\n${program.output}`);
    });
    return app;
  }

  invite(userId: string, token = 'alice-token'): Promise<Response> {
    return fetch(
      `http://127.0.0.1:${this.port}/_matrix/client/v3/rooms/${encodeURIComponent(LOBBY)}/invite`,
      {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}` },
        body: JSON.stringify({ user_id: userId }),
      },
    );
  }

  close(): Promise<unknown> {
    return this.program.close();
  }
}

/** Sends ten requests per second to each process, until it is closed. Requests that fail are fine. */
export class Traffic {
  readonly #timer: NodeJS.Timeout;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(apps: readonly App[]) {
    const tokens = Object.keys(TOKENS);
    let count = 0;
    this.#timer = setInterval(() => {
      for (const app of apps) {
        count += 1;
        const sent: Promise<unknown> = app
          .invite(`@guest${count}:localhost`, tokens[count % tokens.length])
          .then((response) => response.text())
          .catch(() => {})
          .finally(() => this.#underWay.delete(sent));
        this.#underWay.add(sent);
      }
    }, 100);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
  }
}
