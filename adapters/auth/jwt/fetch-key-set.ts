import type { FetchImplementation } from 'jose';

/** A JWKS has some kilobytes; of an endpoint that sends more, no more than this is read. */
const MAX_BYTES = 262_144;

/**
 * Fetches a JWKS for jose, which follows no redirect and sets the deadline. Reads a bounded number of bytes (inflated
 * ones, so that a small answer cannot become a large one).
 *
 * @throws (rejects) also for a JWKS without keys: nobody signs tokens with none, and all clients would be logged out
 */
export const fetchKeySet: FetchImplementation = async (url, options) => {
  const response = await fetch(url, options);
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`The answer has the status ${response.status}`);
  }
  const text = await boundedText(response);
  const keySet: unknown = JSON.parse(text);
  if (!isObject(keySet) || !('keys' in keySet) || !Array.isArray(keySet.keys) || keySet.keys.length === 0) {
    throw new Error('The answer is no JWKS with keys');
  }
  return new Response(text);
};

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    // Leaving the loop cancels the body, and with it the transfer.
    if (size > MAX_BYTES) throw new Error(`The answer has more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
