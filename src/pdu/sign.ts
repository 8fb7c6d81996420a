import type { CallContext } from '../ports/context.ts';
import type { Signer } from '../ports/signer.ts';
import type { JsonObject } from '../rooms/event.ts';
import { encodeBase64 } from './base64.ts';
import { isObject } from './exact-json.ts';
import { essentialText } from './hashes.ts';
import { type Pdu, PduError } from './pdu.ts';
import { rulesOf } from './room-version-of.ts';
import { signedBytes } from './signatures.ts';

const SIGNATURE_BYTES = 64;

/**
 * Returns a copy of a JSON object with the signer's signature added to its existing signatures.
 *
 * @throws {PduError} (rejects) for an object that has no canonical JSON
 * @throws {Error} (rejects) if the signer does not return 64 bytes
 * @see https://spec.matrix.org/v1.18/appendices/#signing-details
 */
export async function signJson<Value extends JsonObject>(
  object: Value,
  signer: Signer,
  context: CallContext,
): Promise<Value & Pick<Pdu, 'signatures'>> {
  const bytes = signedBytes(object);
  if (bytes === undefined) {
    throw new PduError({ reason: 'malformed', message: 'the object has no canonical JSON' });
  }
  return withSignature(object, await signatureOf(bytes, signer, context), signer);
}

/**
 * Returns a copy of an event with the signer's signature added to its existing signatures. The signature covers what
 * redaction keeps; the content hash is not changed. A server that accepts an invite signs it like this.
 *
 * @throws {PduError} (rejects) for an event that has no canonical JSON
 * @throws {RangeError} (rejects) for an unknown room version
 * @throws {Error} (rejects) if the signer does not return 64 bytes
 * @see https://spec.matrix.org/v1.18/server-server-api/#signing-events
 */
export async function signPdu<Event extends JsonObject>(
  pdu: Event,
  roomVersion: string,
  signer: Signer,
  context: CallContext,
): Promise<Event & Pick<Pdu, 'signatures'>> {
  const bytes = Buffer.from(essentialText(pdu, rulesOf(roomVersion)));
  return withSignature(pdu, await signatureOf(bytes, signer, context), signer);
}

/** Returns the signature of some bytes in base64. */
export async function signatureOf(bytes: Uint8Array, signer: Signer, context: CallContext): Promise<string> {
  const signature = await signer.sign(bytes, context);
  if (signature.length !== SIGNATURE_BYTES) {
    throw new Error(`a signer must return 64 bytes, not ${signature.length}`);
  }
  return encodeBase64(signature);
}

function withSignature<Value extends JsonObject>(
  object: Value,
  signature: string,
  { serverName, keyId }: Signer,
): Value & Pick<Pdu, 'signatures'> {
  const { signatures } = object;
  const others = isObject(signatures) ? signatures : {};
  const own = Object.hasOwn(others, serverName) ? others[serverName] : undefined;
  return {
    ...object,
    signatures: {
      ...others,
      [serverName]: { ...(isObject(own) ? own : {}), [keyId]: signature },
    } as Pdu['signatures'],
  };
}
