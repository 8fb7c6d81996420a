import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** An Ed25519 key pair that signs JSON. */
export class SigningKey {
  /** Such as `ed25519:0`. */
  readonly id: string;
  /** The public key in unpadded base64. */
  readonly publicKey: string;
  /** The seed of the private key in unpadded base64. */
  readonly seed: string;
  readonly #privateKey: KeyObject;

  /** @param encoding the alphabet of `publicKey`: sydent's ephemeral keys have the URL-safe one */
  constructor(id: string, encoding: 'base64' | 'base64url') {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    this.id = id;
    this.publicKey = unpadded(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32), encoding);
    this.seed = unpadded(privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32), 'base64');
    this.#privateKey = privateKey;
  }

  /** Returns the object with a signature of the server. */
  signed<T extends object>(serverName: string, value: T): T & { signatures: object } {
    const signature = unpadded(sign(null, Buffer.from(canonicalJson(value)), this.#privateKey), 'base64');
    return { ...value, signatures: { [serverName]: { [this.id]: signature } } };
  }
}

function unpadded(bytes: Uint8Array, encoding: 'base64' | 'base64url'): string {
  return Buffer.from(bytes).toString(encoding).replace(/=+$/, '');
}

/** Returns canonical JSON of an object whose keys are ASCII. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}
