import { randomBytes } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import { loginsBy, type OAuth } from './logins.ts';
import {
  type Credentials,
  DEMO_GRANT,
  type ProviderSettings,
  USERNAMES,
  type Username,
} from './oauth-settings.ts';
import { ServerProcess } from './server-process.ts';

/** An access token for each user of the demo, or the shell variable that has it. */
export type Tokens = Readonly<Record<Username, string>>;

const ASK_TIMEOUT_MS = 5_000;

/**
 * An OAuth provider that forgets everything when it ends, where all users have signed in.
 *
 * @param nodeParameters with which Node reads TypeScript
 */
export async function startOAuth(
  nodeParameters = process.execArgv,
): Promise<{ server: ServerProcess; oauth: OAuth; tokens: Tokens }> {
  const port = await freePort();
  const [inviteServer, demo] = [newClient('invite-server'), newClient('demo')];
  const settings: ProviderSettings = { port, inviteServer, demo };
  const server = new ServerProcess({
    name: 'oidc-provider',
    program: process.execPath,
    parameters: [...nodeParameters, fileURLToPath(new URL('oauth-provider.ts', import.meta.url))],
    input: JSON.stringify(settings),
    // Where Node finds what its parameters import.
    folder: process.cwd(),
    signals: { stop: 'SIGTERM', kill: 'SIGKILL' },
  });
  const issuer = `http://127.0.0.1:${port}`;
  try {
    const oauth = { issuer, ...inviteServer };
    await server.answers(() => askOAuth(oauth));
    return { server, oauth, tokens: await signIn(issuer, demo) };
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** Rejects when the provider cannot be asked about tokens, as this client. */
export async function askOAuth(oauth: OAuth): Promise<void> {
  const request = new IncomingMessage(new Socket());
  const context = { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) };
  await loginsBy(oauth).authenticate({ accessToken: 'of-nobody', request }, context);
}

async function signIn(issuer: string, { clientId, clientSecret }: Credentials): Promise<Tokens> {
  const tokens = await Promise.all(
    USERNAMES.map(async (username) => {
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        headers: { Authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
        body: new URLSearchParams({ grant_type: DEMO_GRANT, username }),
      });
      const { access_token } = (await response.json()) as { access_token?: string };
      if (access_token === undefined) throw new Error(`${username} cannot sign in: ${response.status}`);
      return [username, access_token];
    }),
  );
  return Object.fromEntries(tokens) as Tokens;
}

function newClient(clientId: string): Credentials {
  return { clientId, clientSecret: randomBytes(18).toString('hex') };
}
