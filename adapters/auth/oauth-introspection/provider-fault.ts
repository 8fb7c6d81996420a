/**
 * The provider did not say whose a token is.
 *
 * It goes to the host's log, so that its text is all ours: what the provider sent, and what the library says of it, may
 * hold the token.
 */
export function providerFault(what: string): Error {
  return Object.assign(new Error(`The OAuth provider cannot be asked about an access token: ${what}`), {
    code: 'ERR_OAUTH_PROVIDER',
  });
}

/** As a {@link providerFault}, whatever it was. */
export function asProviderFault(error: unknown): Error {
  if (!(error instanceof Error)) return providerFault('the request failed');
  if (codeOf(error) === 'ERR_OAUTH_PROVIDER') return error;
  // What the network said stands behind fetch's "fetch failed".
  const code = (error.cause instanceof Error && codeOf(error.cause)) || codeOf(error);
  return providerFault(code === undefined ? 'the request failed' : `the request failed (${code})`);
}

/** The code that Node or the library gives an error: a constant, such as `ECONNREFUSED`. */
function codeOf(error: Error): string | undefined {
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
