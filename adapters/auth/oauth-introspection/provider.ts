import type { AuthorizationServer, Client, ClientAuth } from 'oauth4webapi';
import { unlessAborted, withTimeout } from '../../../src/internal/waits.ts';
import { claimsOf } from './claims.ts';
import { Discovery } from './discovery.ts';
import type { Introspection } from './introspection-cache.ts';
import { oauth } from './oauth4webapi.ts';
import type { ProviderOptions } from './options.ts';
import { asProviderError, boundedFetch, providerError } from './provider-http.ts';
import { Slots } from './slots.ts';

/** The OAuth 2.0 provider, asked over HTTP. */
export class Provider {
  readonly #client: Client;
  readonly #authentication: ClientAuth;
  readonly #endpoint: AuthorizationServer | Discovery;
  readonly #allowInsecureHttp: boolean;
  readonly #timeoutMs: number;
  readonly #slots: Slots;

  constructor(options: ProviderOptions) {
    const { clientId, clientSecret, timeoutMs = 3_000, allowInsecureHttp = false } = options;
    const isPost = options.clientAuthMethod === 'client_secret_post';
    this.#client = { client_id: clientId };
    this.#authentication = isPost
      ? oauth.ClientSecretPost(clientSecret)
      : oauth.ClientSecretBasic(clientSecret);
    this.#endpoint =
      options.issuer === undefined
        ? { issuer: options.introspectionEndpoint, introspection_endpoint: options.introspectionEndpoint }
        : new Discovery(options.issuer, timeoutMs, allowInsecureHttp);
    this.#allowInsecureHttp = allowInsecureHttp;
    this.#timeoutMs = timeoutMs;
    this.#slots = new Slots(options.maxConcurrent ?? 32);
  }

  /** Rejects, with an error that is safe to log, if the provider does not say whether the token is active. */
  async introspect(accessToken: string): Promise<Introspection> {
    const late = () => providerError(`no response within ${this.#timeoutMs} ms`);
    try {
      return await withTimeout(
        this.#timeoutMs,
        (signal) => this.#slots.run(signal, () => this.#request(accessToken, signal, late)),
        late,
      );
    } catch (error) {
      throw asProviderError(error);
    }
  }

  async #request(accessToken: string, signal: AbortSignal, late: () => Error): Promise<Introspection> {
    const server =
      this.#endpoint instanceof Discovery
        ? await unlessAborted(this.#endpoint.server(), signal, late)
        : this.#endpoint;
    const response = await oauth.introspectionRequest(
      server,
      this.#client,
      this.#authentication,
      accessToken,
      {
        // Without the hint, a refresh token may pass for an access token. The header makes Matrix
        // Authentication Service return device IDs that do not fit into a scope, instead of calling their
        // tokens inactive.
        additionalParameters: { token_type_hint: 'access_token' },
        headers: { 'X-MAS-Supports-Device-Id': '1' },
        signal,
        [oauth.customFetch]: boundedFetch,
        [oauth.allowInsecureRequests]: this.#allowInsecureHttp,
      },
    );
    if (response.status === 404 && this.#endpoint instanceof Discovery) this.#endpoint.forget();
    if (response.status !== 200 && response.status !== 400) throw statusError(response.status);
    return introspectionOf(server, this.#client, response);
  }
}

async function introspectionOf(
  server: AuthorizationServer,
  client: Client,
  response: Response,
): Promise<Introspection> {
  try {
    const body = await oauth.processIntrospectionResponse(server, client, response);
    return body.active ? { active: true, claims: claimsOf(body) } : { active: false };
  } catch (error) {
    // The provider does not introspect this kind of token, often a JWT, so the token is not one of its own.
    if (error instanceof oauth.ResponseBodyError && error.error === 'unsupported_token_type')
      return { active: false };
    if (response.status !== 200) throw statusError(response.status);
    throw asProviderError(error);
  }
}

function statusError(status: number): Error {
  if (status === 401) return providerError('the provider rejects our clientId and clientSecret (401)');
  return providerError(`the provider returned a ${status}`);
}
