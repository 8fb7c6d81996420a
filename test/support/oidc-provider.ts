import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration } from 'oidc-provider';

/** The scopes of Matrix's OAuth 2.0 API, in their stable form and in the form of MSC2967. */
export const API = 'urn:matrix:client:api:*';
export const GUEST_API = 'urn:matrix:client:api:guest';
export const UNSTABLE_API = 'urn:matrix:org.matrix.msc2967.client:api:*';
export const UNSTABLE_GUEST_API = 'urn:matrix:org.matrix.msc2967.client:api:guest';
export const DEVICE = 'urn:matrix:client:device:ABCDEFGHIJ';
export const UNSTABLE_DEVICE = 'urn:matrix:org.matrix.msc2967.client:device:ABCDEFGHIJ';

/** The client credentials with which an adapter introspects tokens. */
export const RESOURCE_SERVER = { clientId: 'invite/router', clientSecret: 'a:secret with spaces & +%' };

/** A public client, such as a Matrix client, which has no secret. */
const CLIENT = { id: 'chat', redirectUri: 'http://127.0.0.1/signed-in' };

export type TokenSeed = {
  readonly account?: string;
  /** Scopes, separated by spaces. */
  readonly scope?: string;
  readonly expiresInSeconds?: number;
};

/** The tokens of a login. */
export type Tokens = { readonly access_token: string; readonly refresh_token: string };

/** A real OpenID Connect provider on a free port, with opaque access tokens, introspection and revocation. */
export class OidcProvider {
  readonly issuer: string;
  /** Every request so far, such as `POST /token/introspection`. */
  readonly requests: string[] = [];
  readonly #server: Server;
  readonly #provider: Provider;
  #held: (() => void)[] | undefined;

  private constructor(server: Server) {
    const { port } = server.address() as AddressInfo;
    this.issuer = `http://127.0.0.1:${port}`;
    this.#server = server;
    this.#provider = withoutNotices(() => new Provider(this.issuer, configuration));
    const callback = this.#provider.callback();
    server.on('request', (request, response) => {
      this.requests.push(`${request.method} ${request.url}`);
      const handle = () =>
        request.url?.startsWith('/interaction/')
          ? this.#signIn(request, response)
          : callback(request, response);
      if (this.#held === undefined) void handle();
      else this.#held.push(handle);
    });
  }

  static async start(): Promise<OidcProvider> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new OidcProvider(server);
  }

  get introspectionEndpoint(): string {
    return `${this.issuer}/token/introspection`;
  }

  /** The number of introspection requests so far. */
  get introspections(): number {
    return this.requests.filter((each) => each === 'POST /token/introspection').length;
  }

  /** Accepts requests, but does not respond to them until `release()`. */
  hold(): void {
    this.#held = [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const handle of held) handle();
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  /** Issues an access token without a login. */
  async issue({ account = 'alice', scope = API, expiresInSeconds }: TokenSeed = {}): Promise<string> {
    const client = await this.#provider.Client.find(CLIENT.id);
    if (client === undefined) throw new Error('The client is not registered');
    const grant = new this.#provider.Grant({ accountId: account, clientId: CLIENT.id });
    grant.addOIDCScope(scope);
    const fields = {
      accountId: account,
      client,
      grantId: await grant.save(),
      gty: 'authorization_code',
      scope,
    };
    const token = new this.#provider.AccessToken({ ...fields, expiresIn: expiresInSeconds });
    return token.save();
  }

  /** Logs an account in over HTTP like a Matrix client: with an authorization code and PKCE. */
  async signIn({ account = 'alice', scope = API }: TokenSeed = {}): Promise<Tokens> {
    const verifier = randomBytes(32).toString('base64url');
    const url = new URL('/auth', this.issuer);
    url.search = String(
      new URLSearchParams({
        client_id: CLIENT.id,
        response_type: 'code',
        redirect_uri: CLIENT.redirectUri,
        scope: `openid offline_access ${scope}`,
        prompt: 'consent',
        login_hint: account,
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
      }),
    );
    const end = await followRedirects(url);
    const code = end.searchParams.get('code');
    if (code === null) throw new Error(`The provider sent no code: ${end.search}`);
    const response = await this.#post('/token', {
      grant_type: 'authorization_code',
      code,
      redirect_uri: CLIENT.redirectUri,
      code_verifier: verifier,
    });
    return (await response.json()) as Tokens;
  }

  /** Revokes a token over HTTP (RFC 7009) like a client that logs out. */
  async revoke(token: string): Promise<void> {
    await this.#post('/token/revocation', { token });
  }

  async #post(path: string, fields: Record<string, string>): Promise<Response> {
    const body = new URLSearchParams({ client_id: CLIENT.id, ...fields });
    const response = await fetch(`${this.issuer}${path}`, { method: 'POST', body });
    if (!response.ok) throw new Error(`${path} returned ${response.status}: ${await response.text()}`);
    return response;
  }

  /** Stands in for the login page: the user of `login_hint` logs in and consents at once. */
  async #signIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { params, grantId } = await this.#provider.interactionDetails(request, response);
    const accountId = String(params.login_hint);
    const grant =
      (grantId === undefined ? undefined : await this.#provider.Grant.find(grantId)) ??
      new this.#provider.Grant({ accountId, clientId: CLIENT.id });
    grant.addOIDCScope(String(params.scope));
    const result = { login: { accountId }, consent: { grantId: await grant.save() } };
    await this.#provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
  }
}

const configuration: Configuration = {
  scopes: [
    'openid',
    'offline_access',
    'profile-of-another-service',
    ...[API, GUEST_API, UNSTABLE_API, UNSTABLE_GUEST_API, DEVICE, UNSTABLE_DEVICE],
  ],
  clients: [
    {
      client_id: RESOURCE_SERVER.clientId,
      client_secret: RESOURCE_SERVER.clientSecret,
      redirect_uris: [],
      response_types: [],
      grant_types: [],
    },
    {
      client_id: CLIENT.id,
      redirect_uris: [CLIENT.redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
    },
  ],
  features: {
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: async () => true },
    revocation: { enabled: true, allowedPolicy: async () => true },
  },
  findAccount: async (_context, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
  cookies: { keys: ['only for tests'] },
  ttl: {
    AccessToken: 3600,
    AuthorizationCode: 60,
    Grant: 3600,
    IdToken: 3600,
    Interaction: 60,
    RefreshToken: 3600,
    Session: 3600,
  },
};

/** Follows redirects, with cookies, until one leads to the client's own address. */
async function followRedirects(start: URL): Promise<URL> {
  const cookies = new Map<string, string>();
  let url = start;
  while (!url.href.startsWith(CLIENT.redirectUri)) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    const location = response.headers.get('location');
    if (location === null) throw new Error(`${url.pathname} returned ${response.status}`);
    for (const each of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(each) ?? [];
      cookies.set(name, value);
    }
    url = new URL(location, url);
  }
  return url;
}

/** Silences the provider's warnings that its keys and storage are for development only. */
function withoutNotices<T>(make: () => T): T {
  const { info, warn } = console;
  Object.assign(console, { info() {}, warn() {} });
  try {
    return make();
  } finally {
    Object.assign(console, { info, warn });
  }
}
