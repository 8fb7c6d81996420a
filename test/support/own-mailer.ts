import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import type { AddressInvite, StoredAddressInvite, ThirdPartyIdentity } from 'express-matrix-invite';
import type { JsonObject } from '../../src/rooms/event.ts';
import { signJson } from './signed-json.ts';

/** The accounts and the invitation mails of a host app without an identity server. */
export class OwnMailer implements ThirdPartyIdentity {
  /** User IDs by address. */
  readonly owners = new Map<string, string>();
  readonly lookups: AddressInvite[] = [];
  readonly mails: { readonly to: string; readonly token: string; readonly room: object }[] = [];
  readonly validityChecks: (string | undefined)[] = [];
  readonly publicKey: string;
  isValid: boolean | Error = true;
  timeoutMs: number | undefined;
  readonly #privateKey: KeyObject;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const { x } = publicKey.export({ format: 'jwk' });
    this.publicKey = Buffer.from(x ?? '', 'base64url')
      .toString('base64')
      .replace('=', '');
    this.#privateKey = privateKey;
  }

  objectionTo(): undefined {}

  async lookUp(invite: AddressInvite): Promise<string | undefined> {
    this.lookups.push(invite);
    return this.owners.get(invite.address);
  }

  async storeInvite(invite: AddressInvite, room: object): Promise<StoredAddressInvite | 'inUse'> {
    const token = randomBytes(12).toString('hex');
    this.mails.push({ to: invite.address, token, room });
    return {
      token,
      displayName: 'b…@e…',
      publicKeys: [{ publicKey: this.publicKey, keyValidityUrl: 'https://example.org/isvalid' }],
    };
  }

  async isKeyValid({ publicKey }: { readonly publicKey: string }): Promise<boolean> {
    this.validityChecks.push(publicKey);
    if (this.isValid instanceof Error) throw this.isValid;
    return this.isValid;
  }

  /** Signs that a user owns the address of a token. */
  sign(token: string, mxid: string): JsonObject {
    return signJson(
      { mxid, token, sender: '@any:example.org' },
      'example.org',
      'ed25519:1',
      this.#privateKey,
    );
  }
}
