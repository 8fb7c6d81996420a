import { readBounded } from '../../../src/internal/read-bounded.ts';

/** The maximum size of a response. */
const MAX_BYTES = 65_536;

/**
 * Works like `fetch`, for a provider that must not fill up memory: resolves once the body is read, and only
 * if it is short JSON. Follows no redirects, so that the token and the client secret are only sent to the
 * known address.
 */
export async function boundedFetch(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, redirect: 'manual' });
  const { status, headers } = response;
  const isJson = /^application\/json(?:;|$)/i.test(headers.get('content-type')?.trim() ?? '');
  // The body of an error may be a proxy's page. Only its status matters.
  if (status !== 200 && !(status === 400 && isJson)) {
    await response.body?.cancel();
    return new Response(null, { status: status < 200 ? 500 : status });
  }
  if (!isJson) {
    await response.body?.cancel();
    throw providerError('the response is not application/json');
  }
  const tooLarge = () => providerError(`the response is longer than ${MAX_BYTES} bytes`);
  const body = await readBounded(response, MAX_BYTES, tooLarge);
  return new Response(body, { status, headers: { 'content-type': 'application/json' } });
}

const ERROR_CODE = 'ERR_OAUTH_PROVIDER';

/**
 * Creates the error for a provider that did not say whether a token is active. It reaches the host app's log,
 * so it never quotes the provider or the library: both may quote the token.
 */
export function providerError(what: string): Error {
  const message = `Token introspection failed: ${what}`;
  return Object.assign(new Error(message), { code: ERROR_CODE });
}

/** Turns any error into a {@link providerError}. */
export function asProviderError(error: unknown): Error {
  if (!(error instanceof Error)) return providerError('the request failed');
  if (codeOf(error) === ERROR_CODE) return error;
  // Behind fetch's "fetch failed", the cause has the code of the network error.
  const code = (error.cause instanceof Error && codeOf(error.cause)) || codeOf(error);
  return providerError(code === undefined ? 'the request failed' : `the request failed (${code})`);
}

/** Returns the code that Node or the library gives an error: a constant, such as `ECONNREFUSED`. */
function codeOf(error: Error): string | undefined {
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
