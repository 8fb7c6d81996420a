import {
  booleanOption,
  checkOptions,
  hasMethods,
  integerOption,
  isOptionsObject,
  type OptionCheck,
  type OptionChecks,
} from '../internal/options.ts';
import type { PendingAddressInvites } from '../ports/pending-address-invites.ts';
import type { InvitePolicy } from '../ports/policy.ts';
import type { ThirdPartyIdentity } from '../ports/third-party.ts';
import { secretOption } from './address-hash.ts';

/** The option `thirdParty`: turns on invites by email address or phone number. */
export type ThirdPartyOptions = {
  /** Finds the users of addresses, and invites the owners of others. Required. */
  readonly identity: ThirdPartyIdentity;
  /** Remembers which addresses were invited. Every built-in store does. Required. */
  readonly pending: PendingAddressInvites;
  /**
   * The key of the hashes that stand for addresses in the store and in rate limits: at least 32 bytes, as a string or as
   * bytes. It must be the same in every process, and never change. Required.
   */
  readonly secret: string | Uint8Array;
  /**
   * Whether each policy must have `decideByAddress`. Default true. With false, invites by address bypass the policies
   * that lack it.
   */
  readonly policiesApplyToAddresses?: boolean | undefined;
};

/** The checked options, with all defaults filled in. */
export type ThirdPartyConfig = {
  readonly identity: ThirdPartyIdentity;
  readonly pending: PendingAddressInvites;
  readonly secret: string | Uint8Array;
  readonly timeoutMs: number;
};

const DEFAULT_TIMEOUT_MS = 10_000;

/** Shorter than the claim of an address lasts. */
const MAX_TIMEOUT_MS = 30_000;

const optionChecks: OptionChecks<ThirdPartyOptions> = {
  identity: {
    required: true,
    expects:
      'an object with objectionTo, lookUp, storeInvite and isKeyValid, whose timeoutMs is 1 to 30000 or undefined',
    accepts: (value) =>
      hasMethods(value, 'objectionTo', 'lookUp', 'storeInvite', 'isKeyValid') &&
      isTimeout((value as ThirdPartyIdentity).timeoutMs),
  },
  pending: {
    required: true,
    expects: 'a store with claimAddress, settleAddress, releaseAddress and forgetAddress',
    accepts: (value) => hasMethods(value, 'claimAddress', 'settleAddress', 'releaseAddress', 'forgetAddress'),
  },
  secret: secretOption,
  policiesApplyToAddresses: booleanOption,
};

function isTimeout(value: unknown): boolean {
  return value === undefined || integerOption('milliseconds', 1, MAX_TIMEOUT_MS).accepts(value);
}

export const thirdPartyCheck: OptionCheck = {
  expects: 'an object with identity, pending and secret',
  accepts: isOptionsObject,
};

/** @throws {TypeError} for a wrong option, and for a policy that invites by address would bypass silently */
export function thirdPartyConfig(
  options: ThirdPartyOptions,
  policies: readonly InvitePolicy<never>[],
): ThirdPartyConfig {
  const checked = checkOptions<ThirdPartyOptions>('thirdParty', options, optionChecks);
  const { identity, pending, secret, policiesApplyToAddresses = true } = checked;
  const bypassed = policies.filter(({ decideByAddress }) => typeof decideByAddress !== 'function');
  if (policiesApplyToAddresses && bypassed.length > 0) {
    const names = bypassed.map(({ name }) => name).join(', ');
    throw new TypeError(
      `thirdParty: these policies have no decideByAddress: ${names}. Add it, or pass policiesApplyToAddresses: false`,
    );
  }
  return { identity, pending, secret, timeoutMs: identity.timeoutMs ?? DEFAULT_TIMEOUT_MS };
}
