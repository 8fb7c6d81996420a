import type { AuthorizationServer } from 'oauth4webapi';
import { withTimeout } from '../../../src/internal/waits.ts';
import { oauth } from './oauth4webapi.ts';
import { asProviderError, boundedFetch, providerError } from './provider-http.ts';

/** Reads an issuer's metadata, once. A failure is not kept, so that the next call tries again. */
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
      throw asProviderError(error);
    });
    return this.#found;
  }

  /** Makes the next call ask the issuer again. */
  forget(): void {
    this.#found = undefined;
  }

  #discover(): Promise<AuthorizationServer> {
    return withTimeout(
      this.#timeoutMs,
      async (signal) => {
        let response = await this.#request('oidc', signal);
        // OpenID Connect's path comes first, since every Matrix provider has it. RFC 8414 has another one.
        if (response.status === 404) response = await this.#request('oauth2', signal);
        if (response.status !== 200) throw providerError(`discovery returned a ${response.status}`);
        const server = await oauth.processDiscoveryResponse(this.#issuer, response);
        if (typeof server.introspection_endpoint === 'string') return server;
        throw providerError('the metadata has no introspection_endpoint');
      },
      () => providerError(`discovery took more than ${this.#timeoutMs} ms`),
    );
  }

  #request(algorithm: 'oidc' | 'oauth2', signal: AbortSignal): Promise<Response> {
    return oauth.discoveryRequest(this.#issuer, {
      algorithm,
      signal,
      [oauth.customFetch]: boundedFetch,
      [oauth.allowInsecureRequests]: this.#allowInsecureHttp,
    });
  }
}
