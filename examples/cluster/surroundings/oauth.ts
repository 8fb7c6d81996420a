import { randomBytes } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createAuth } from '../app/auth.ts';
import { CannotStart, type OAuthClient } from '../app/config.ts';
import { freePort } from '../app/listen.ts';
import { ServerProcess } from './server-process.ts';

/** The users of the demo. */
export const USERNAMES = ['alice', 'bob', 'carol', 'dave'] as const;

/** An access token for each user, or the shell variable that contains it. */
export type Tokens = Readonly<Record<(typeof USERNAMES)[number], string>>;

type Credentials = Omit<OAuthClient, 'issuer'>;

/** What the demo's provider reads from stdin when it starts. */
export type ProviderConfig = {
  readonly port: number;
  /** The client that may introspect tokens. */
  readonly inviteServer: Credentials;
  /** The client that may sign users in. */
  readonly demo: Credentials;
  /** The grant type for signing in without a browser. Real providers have none. */
  readonly demoGrant: string;
};

const DEMO_GRANT = 'urn:example:demo-sign-in';
const CHECK_TIMEOUT_MS = 5_000;

/** The demo cannot sign in at your provider. Users set these variables before they paste the commands. */
export const TOKEN_VARIABLES: Tokens = {
  alice: '$ALICE_TOKEN',
  bob: '$BOB_TOKEN',
  carol: '$CAROL_TOKEN',
  dave: '$DAVE_TOKEN',
};

/**
 * Reads the provider from environment variables. Returns undefined if none of them is set.
 *
 * @throws {CannotStart} if only some of them are set
 */
export function oauthOf(environment: NodeJS.ProcessEnv): OAuthClient | undefined {
  const { OAUTH_ISSUER: issuer, OAUTH_CLIENT_ID: clientId, OAUTH_CLIENT_SECRET: clientSecret } = environment;
  if (issuer && clientId && clientSecret) {
    if (URL.canParse(issuer)) return { issuer, clientId, clientSecret };
    throw new CannotStart('OAUTH_ISSUER must be a URL');
  }
  if (!issuer && !clientId && !clientSecret) return undefined;
  throw new CannotStart('Set all of OAUTH_ISSUER, OAUTH_CLIENT_ID and OAUTH_CLIENT_SECRET, or none of them');
}

/**
 * Starts an OAuth provider that keeps everything in memory, and signs all users in.
 *
 * @param nodeArguments make Node run TypeScript
 */
export async function startOAuth(
  nodeArguments = process.execArgv,
): Promise<{ server: ServerProcess; oauth: OAuthClient; tokens: Tokens }> {
  const port = await freePort();
  const [inviteServer, demo] = [newClient('invite-server'), newClient('demo')];
  const config: ProviderConfig = { port, inviteServer, demo, demoGrant: DEMO_GRANT };
  const server = new ServerProcess({
    name: 'oidc-provider',
    program: process.execPath,
    args: [...nodeArguments, fileURLToPath(new URL('oauth-provider.ts', import.meta.url))],
    input: JSON.stringify(config),
    // Node resolves the imports of its arguments from here.
    folder: process.cwd(),
    signals: { stop: 'SIGTERM', kill: 'SIGKILL' },
  });
  const issuer = `http://127.0.0.1:${port}`;
  try {
    const oauth = { issuer, ...inviteServer };
    await server.waitUntilReady(() => checkOAuth(oauth));
    return { server, oauth, tokens: await signIn(issuer, demo) };
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** Rejects if this client cannot introspect tokens. */
export async function checkOAuth(oauth: OAuthClient): Promise<void> {
  const request = new IncomingMessage(new Socket());
  const context = { signal: AbortSignal.timeout(CHECK_TIMEOUT_MS) };
  await createAuth(oauth).authenticate({ accessToken: 'made-up', request }, context);
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
