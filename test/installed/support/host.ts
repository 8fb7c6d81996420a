import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';

/** A program of the folder consumer: an Express app that has mounted the router, in a process of its own. */
export type Host = {
  /** What it says of itself. */
  readonly node: string;
  invite(accessToken: string): Promise<{ status: number; body: unknown }>;
  /** Ends it, and resolves what it complained of: an empty text. */
  stop(): Promise<string>;
};

/** Starts a program; it prints one line of JSON when it listens. */
export async function startHost(node: string, program: string): Promise<Host> {
  const child = spawn(node, [program], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  const complaints = text(child.stderr);
  const lines = createInterface(child.stdout);
  const line = await Promise.race([once(lines, 'line'), once(lines, 'close')]);
  if (line.length === 0) throw new Error(`${program} ended early: ${await complaints}`);
  const { port, node: version } = JSON.parse(line[0]) as { port: number; node: string };
  return {
    node: version,
    invite: (accessToken) => invite(port, accessToken),
    stop: async () => {
      child.kill();
      await ended;
      return complaints;
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
