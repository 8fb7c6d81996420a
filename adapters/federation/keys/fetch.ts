import { verifyJson } from '../../../src/pdu/verify.ts';
import type { ServerKeys } from '../../../src/ports/server-keys.ts';
import { fieldOf, isJsonObject } from '../../../src/rooms/content.ts';
import type { OutboundAnswer } from '../../shared/outbound/client.ts';
import { withDeadline } from '../../shared/outbound/deadline.ts';
import { readPublishedKeys } from './published-keys.ts';

/** A server that is trusted to report the keys of other servers. */
export type Notary = {
  readonly serverName: string;
  /** Its own public keys, by their IDs: 32 bytes each, in unpadded base64. */
  readonly keys: Readonly<Record<string, string>>;
};

/** The keys to get from a server. */
export type WantedKeys = {
  readonly serverName: string;
  readonly keyIds: readonly string[];
  /** The time at which they must be valid, in Unix milliseconds. */
  readonly validTs: number;
};

/** Sends a request without a signature, because keys are public. */
export type SendUnsigned = (
  destination: string,
  request: { readonly path: string; readonly body?: string; readonly maxBytes: number },
  signal: AbortSignal,
) => Promise<OutboundAnswer>;

const MAX_BYTES = 65_536;

/** The maximum time for one server to send keys, in milliseconds. */
const TIMEOUT_MS = 10_000;

/**
 * Fetches the keys of a server: from itself, or else from a notary.
 *
 * @throws {OutboundError} (rejects) the server's own failure, if no notary knows its keys either
 * @see https://spec.matrix.org/v1.18/server-server-api/#retrieving-server-keys
 */
export async function fetchKeys(
  send: SendUnsigned,
  wanted: WantedKeys,
  notaries: readonly Notary[],
): Promise<ServerKeys> {
  const fetchedTs = Date.now();
  try {
    return await fromItself(send, wanted.serverName, fetchedTs);
  } catch (error) {
    for (const notary of notaries) {
      const keys = await fromNotary(send, wanted, notary, fetchedTs).catch(() => undefined);
      if (keys !== undefined) return keys;
    }
    throw error;
  }
}

async function fromItself(send: SendUnsigned, serverName: string, fetchedTs: number): Promise<ServerKeys> {
  const request = { path: '/_matrix/key/v2/server', maxBytes: MAX_BYTES };
  const answer = await inTime((signal) => send(serverName, request, signal));
  const keys = answer.status === 200 ? readPublishedKeys(answer.json, serverName, fetchedTs) : undefined;
  if (keys === undefined) throw answer.unusable(`keys with status ${answer.status}`);
  return keys;
}

/** Resolves to undefined if the notary has no keys, or their signatures are not valid. */
async function fromNotary(
  send: SendUnsigned,
  { serverName, keyIds, validTs }: WantedKeys,
  notary: Notary,
  fetchedTs: number,
): Promise<ServerKeys | undefined> {
  const criteria = keyIds.map((keyId) => [keyId, { minimum_valid_until_ts: validTs }]);
  const body = JSON.stringify({ server_keys: { [serverName]: Object.fromEntries(criteria) } });
  const request = { path: '/_matrix/key/v2/query', body, maxBytes: MAX_BYTES };
  const answer = await inTime((signal) => send(notary.serverName, request, signal));
  const found = answer.status === 200 ? fieldOf(answer.json, 'server_keys') : undefined;
  const pinned = new Map(Object.entries(notary.keys));
  return (Array.isArray(found) ? found : [])
    .filter((each) => isJsonObject(each) && verifyJson(each, notary.serverName, pinned) === 'valid')
    .flatMap((each) => readPublishedKeys(each, serverName, fetchedTs) ?? [])
    .sort((one, other) => other.validUntilTs - one.validUntilTs)[0];
}

/** Several callers may wait for the keys, so this has its own deadline. */
function inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return withDeadline(TIMEOUT_MS, undefined, work);
}
