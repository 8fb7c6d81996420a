import type { AddressInviteKey } from '../../src/ports/third-party.ts';
import { fieldsOf } from '../shared/outbound/answer.ts';
import type { OutboundClient } from '../shared/outbound/client.ts';
import { errorOf } from './errors.ts';

const MAX_BYTES = 8_192;
const MAX_URL_LENGTH = 2_048;

/** Returns true for an `https:` URL without a user name and password. Room members can write any text in its place. */
export function isValidityUrl(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > MAX_URL_LENGTH || !URL.canParse(value)) return false;
  const { protocol, username, password, port } = new URL(value);
  return protocol === 'https:' && username === '' && password === '' && port !== '0';
}

/**
 * Asks the URL of a key whether the key is valid. Its identity server is not necessarily one that clients may use.
 *
 * @throws {MatrixError} (rejects) if it does not say
 * @see https://spec.matrix.org/v1.18/client-server-api/#mroomthird_party_invite
 */
export async function isKeyValid(
  client: OutboundClient,
  key: AddressInviteKey,
  signal: AbortSignal,
): Promise<boolean> {
  const { publicKey, keyValidityUrl } = key;
  if (keyValidityUrl === undefined) return true;
  if (!isValidityUrl(keyValidityUrl)) return false;
  const url = new URL(keyValidityUrl);
  // Appended as text: `searchParams` would rewrite the rest of the query. The key must arrive as it is, in its own
  // base64 alphabet, so its `+` becomes `%2B`.
  const query = new URLSearchParams({ public_key: publicKey });
  url.search = url.search === '' ? `${query}` : `${url.search}&${query}`;
  const answer = await client.send(url, { maxBytes: MAX_BYTES, isRepeatable: true, signal });
  if (answer.status !== 200) throw errorOf(answer);
  return fieldsOf(answer)?.valid === true;
}
