import {
  type AuthorizationServer,
  allowInsecureRequests,
  type Client,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  customFetch,
  introspectionRequest,
  processIntrospectionResponse,
  ResponseBodyError,
} from 'oauth4webapi';
import type { Answer } from './answers.ts';
import { boundedFetch } from './bounded-fetch.ts';
import { claimsOf } from './claims.ts';
import { unlessAborted, withTimeout } from './deadline.ts';
import { Discovery } from './discovery.ts';
import type { ProviderOptions } from './options.ts';
import { asProviderFault, providerFault } from './provider-fault.ts';
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
    this.#authentication = isPost ? ClientSecretPost(clientSecret) : ClientSecretBasic(clientSecret);
    this.#endpoint =
      options.issuer === undefined
        ? { issuer: options.introspectionEndpoint, introspection_endpoint: options.introspectionEndpoint }
        : new Discovery(options.issuer, timeoutMs, allowInsecureHttp);
    this.#allowInsecureHttp = allowInsecureHttp;
    this.#timeoutMs = timeoutMs;
    this.#slots = new Slots(options.maxConcurrent ?? 32);
  }

  /** Rejects, with an error that is fit for a log, when the provider does not say whether the token is active. */
  async introspect(accessToken: string): Promise<Answer> {
    const late = () => providerFault(`no answer within ${this.#timeoutMs} ms`);
    try {
      return await withTimeout(
        this.#timeoutMs,
        (signal) => this.#slots.run(signal, () => this.#ask(accessToken, signal, late)),
        late,
      );
    } catch (error) {
      throw asProviderFault(error);
    }
  }

  async #ask(accessToken: string, signal: AbortSignal, late: () => Error): Promise<Answer> {
    const server =
      this.#endpoint instanceof Discovery
        ? await unlessAborted(signal, this.#endpoint.server(), late)
        : this.#endpoint;
    const response = await introspectionRequest(server, this.#client, this.#authentication, accessToken, {
      // Without it a refresh token may pass for an access token; the header asks Matrix Authentication Service to
      // name the devices that no scope can name, instead of calling their tokens inactive.
      additionalParameters: { token_type_hint: 'access_token' },
      headers: { 'X-MAS-Supports-Device-Id': '1' },
      signal,
      [customFetch]: boundedFetch,
      [allowInsecureRequests]: this.#allowInsecureHttp,
    });
    if (response.status === 404 && this.#endpoint instanceof Discovery) this.#endpoint.forget();
    if (response.status !== 200 && response.status !== 400) throw providerFault(refusal(response.status));
    return answerOf(server, this.#client, response);
  }
}

function refusal(status: number): string {
  if (status === 401) return 'it refuses our clientId and clientSecret (401)';
  return `it answered ${status}`;
}

async function answerOf(server: AuthorizationServer, client: Client, response: Response): Promise<Answer> {
  try {
    const answer = await processIntrospectionResponse(server, client, response);
    return answer.active ? { active: true, claims: claimsOf(answer) } : { active: false };
  } catch (error) {
    // Of a token that looks like one of a kind which the provider does not keep (a JWT, often): it is none of its own.
    if (error instanceof ResponseBodyError && error.error === 'unsupported_token_type')
      return { active: false };
    if (response.status !== 200) throw providerFault(refusal(response.status));
    throw asProviderFault(error);
  }
}
