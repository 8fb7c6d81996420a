import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';

/** An Express app with the router in its own process: one of the programs in the folder `consumer`. */
export type Host = {
  /** The version of Node that it reports. */
  readonly node: string;
  invite(accessToken: string): Promise<{ status: number; body: unknown }>;
  /** Stops it and returns what it wrote to stderr: an empty string if all went well. */
  stop(): Promise<string>;
};

/** Starts a program, which prints a line of JSON once it listens. */
export async function startHost(node: string, program: string): Promise<Host> {
  const child = spawn(node, [program], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  const stderr = text(child.stderr);
  const lines = createInterface(child.stdout);
  const line = await Promise.race([once(lines, 'line'), once(lines, 'close')]);
  if (line.length === 0) throw new Error(`${program} exited early: ${await stderr}`);
  const { port, node: version } = JSON.parse(line[0]) as { port: number; node: string };
  return {
    node: version,
    invite: (accessToken) => invite(port, accessToken),
    stop: async () => {
      child.kill();
      await ended;
      return stderr;
    },
  };
}

async function invite(port: number, accessToken: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`http://127.0.0.1:${port}/_matrix/client/v3/rooms/!cats:example.org/invite`, {
    method: 'POST',
    headers: { authorization: `Bearer ${accessToken}` },
    body: JSON.stringify({ user_id: '@bob:example.org' }),
  });
  return { status: response.status, body: await response.json() };
}
