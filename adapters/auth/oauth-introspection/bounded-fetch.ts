import { providerFault } from './provider-fault.ts';

/** The most bytes that an answer of the provider may have. */
const MAX_BYTES = 65_536;

/**
 * As `fetch`, for a provider that is not to be trusted with our memory: the answer comes only once it is read, and
 * only if it is short JSON.
 *
 * Redirects are not followed: the token, and our own secret, go to no address but the one we know.
 */
export async function boundedFetch(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, redirect: 'manual' });
  const { status, headers } = response;
  const isJson = /^application\/json(?:;|$)/i.test(headers.get('content-type')?.trim() ?? '');
  // A refusal may be a proxy's page; what matters is its status.
  if (status !== 200 && !(status === 400 && isJson)) {
    await response.body?.cancel();
    return new Response(null, { status: status < 200 ? 500 : status });
  }
  if (!isJson) {
    await response.body?.cancel();
    throw providerFault('its answer is no application/json');
  }
  return new Response(await bytesOf(response), { status, headers: { 'content-type': 'application/json' } });
}

async function bytesOf(response: Response): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of response.body ?? []) {
    length += piece.byteLength;
    // Leaving the loop cancels the rest.
    if (length > MAX_BYTES) throw providerFault(`its answer is longer than ${MAX_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
