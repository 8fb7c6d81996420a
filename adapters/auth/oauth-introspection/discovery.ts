import {
  type AuthorizationServer,
  allowInsecureRequests,
  customFetch,
  discoveryRequest,
  processDiscoveryResponse,
} from 'oauth4webapi';
import { boundedFetch } from './bounded-fetch.ts';
import { withTimeout } from './deadline.ts';
import { asProviderFault, providerFault } from './provider-fault.ts';

/** Finds out what an issuer says of itself, once: a failure is forgotten, so that the next call tries again. */
export class Discovery {
  readonly #issuer: URL;
  readonly #timeoutMs: number;
  readonly #allowInsecureHttp: boolean;
  #found: Promise<AuthorizationServer> | undefined;

  constructor(issuer: string, timeoutMs: number, allowInsecureHttp: boolean) {
    this.#issuer = new URL(issuer);
    this.#timeoutMs = timeoutMs;
    this.#allowInsecureHttp = allowInsecureHttp;
  }

  server(): Promise<AuthorizationServer> {
    this.#found ??= this.#discover().catch((error: unknown) => {
      this.forget();
      throw asProviderFault(error);
    });
    return this.#found;
  }

  /** The next call asks the issuer again. */
  forget(): void {
    this.#found = undefined;
  }

  #discover(): Promise<AuthorizationServer> {
    return withTimeout(
      this.#timeoutMs,
      async (signal) => {
        let response = await this.#request('oidc', signal);
        // OpenID Connect's place for it comes first, since every provider of Matrix has it; RFC 8414 has another.
        if (response.status === 404) response = await this.#request('oauth2', signal);
        if (response.status !== 200) throw providerFault(`discovery was answered ${response.status}`);
        const server = await processDiscoveryResponse(this.#issuer, response);
        if (typeof server.introspection_endpoint === 'string') return server;
        throw providerFault('its metadata has no introspection_endpoint');
      },
      () => providerFault(`discovery took more than ${this.#timeoutMs} ms`),
    );
  }

  #request(algorithm: 'oidc' | 'oauth2', signal: AbortSignal): Promise<Response> {
    return discoveryRequest(this.#issuer, {
      algorithm,
      signal,
      [customFetch]: boundedFetch,
      [allowInsecureRequests]: this.#allowInsecureHttp,
    });
  }
}
