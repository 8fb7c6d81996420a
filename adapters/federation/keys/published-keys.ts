import { isKeyId } from '../../../src/pdu/key-id.ts';
import { readPublicKey } from '../../../src/pdu/signatures.ts';
import { verifyJson } from '../../../src/pdu/verify.ts';
import type { ServerKeys } from '../../../src/ports/server-keys.ts';
import { fieldOf, isJsonObject } from '../../../src/rooms/content.ts';
import type { JsonValue } from '../../../src/rooms/event.ts';

/** The maximum time for which keys are valid, in milliseconds: a stolen key must not be valid forever. */
const MAX_VALIDITY_MS = 7 * 86_400_000;

/** The maximum number of keys of one server. Other servers choose it, and the keys of many servers are stored. */
const MAX_KEYS = 20;
/** The maximum number of old keys that are kept for one server: the latest ones. */
const MAX_OLD_KEYS = 50;

/** The maximum length of the part of a key ID after `ed25519:`. Other servers choose their key IDs. */
const MAX_VERSION_LENGTH = 64;

/** Returns true for the ID of an Ed25519 key, if the ID is short enough to store. */
export function isStorableKeyId(value: string): boolean {
  return isKeyId(value) && value.length <= 'ed25519:'.length + MAX_VERSION_LENGTH;
}

/**
 * Reads the keys that a server has published, from itself or a notary.
 *
 * @param fetchedTs now, in Unix milliseconds
 * @returns undefined if they are not valid: they name another server, none of them has signed, one of their signatures is
 *   wrong, or there are more than 20.
 * @see https://spec.matrix.org/v1.18/server-server-api/#publishing-keys
 */
export function readPublishedKeys(
  json: JsonValue | undefined,
  serverName: string,
  fetchedTs: number,
): ServerKeys | undefined {
  const validUntilTs = fieldOf(json, 'valid_until_ts');
  if (!isJsonObject(json) || fieldOf(json, 'server_name') !== serverName || !isTimestamp(validUntilTs)) {
    return undefined;
  }
  const current = publicKeysIn(fieldOf(json, 'verify_keys'));
  if (current.length > MAX_KEYS) return undefined;
  const verifyKeys = Object.fromEntries(current);
  if (verifyJson(json, serverName, new Map(Object.entries(verifyKeys))) !== 'valid') return undefined;
  const published = fieldOf(json, 'old_verify_keys');
  const oldVerifyKeys = publicKeysIn(published).flatMap(([keyId, key]) => {
    const expiredTs = fieldOf(fieldOf(published, keyId), 'expired_ts');
    return isTimestamp(expiredTs) ? [[keyId, { key, expiredTs }] as const] : [];
  });
  return {
    verifyKeys,
    oldVerifyKeys: latest(oldVerifyKeys),
    validUntilTs: Math.min(validUntilTs, fetchedTs + MAX_VALIDITY_MS),
    fetchedTs,
  };
}

/**
 * Returns new keys together with earlier ones that the server no longer publishes. Those still verify the events from their
 * time.
 */
export function withEarlierKeys(keys: ServerKeys, earlier: ServerKeys | undefined): ServerKeys {
  if (earlier === undefined) return keys;
  const retired = Object.entries(earlier.verifyKeys)
    .filter(([keyId]) => !Object.hasOwn(keys.verifyKeys, keyId))
    .map(([keyId, key]) => [keyId, { key, expiredTs: earlier.validUntilTs }] as const);
  const all = { ...earlier.oldVerifyKeys, ...Object.fromEntries(retired), ...keys.oldVerifyKeys };
  return { ...keys, oldVerifyKeys: latest(Object.entries(all)) };
}

function latest(
  keys: readonly (readonly [string, { readonly key: string; readonly expiredTs: number }])[],
): ServerKeys['oldVerifyKeys'] {
  return Object.fromEntries(
    [...keys].sort(([, one], [, other]) => other.expiredTs - one.expiredTs).slice(0, MAX_OLD_KEYS),
  );
}

/** Leaves out keys of other algorithms, and invalid ones. */
function publicKeysIn(keys: JsonValue | undefined): [string, string][] {
  if (!isJsonObject(keys)) return [];
  return Object.entries(keys).flatMap(([keyId, value]) => {
    const key = fieldOf(value, 'key');
    return isStorableKeyId(keyId) && typeof key === 'string' && readPublicKey(key) !== undefined
      ? [[keyId, key]]
      : [];
  });
}

function isTimestamp(value: JsonValue | undefined): value is number {
  return Number.isSafeInteger(value);
}
