import { booleanOption, checkOptions, integerOption, type OptionChecks } from '../../src/internal/options.ts';
import { isReachableServerName } from '../../src/rooms/identifiers.ts';
import { type OutboundOptions, outboundChecks } from '../shared/outbound/options.ts';

/** Shorter than the claim of an address lasts. */
const MAX_TIMEOUT_MS = 30_000;

/** Options for `identityServers`. */
export type IdentityServersOptions = OutboundOptions & {
  /**
   * The identity servers that clients may use: server names such as `id.example.org` or `id.example.org:8090`. With
   * `'any'`, clients choose, and this server sends requests to wherever on the public internet they want. Required.
   */
  readonly servers: readonly string[] | 'any';
  /** The kinds of addresses that clients may invite: `email`, `msisdn` or both. Default: both. */
  readonly media?: readonly ('email' | 'msisdn')[] | undefined;
  /** The maximum total time to look up an address and store its invite, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /**
   * Whether to send addresses in plain text to an identity server that does not support hashed lookups. Default false:
   * the response is a 502.
   */
  readonly plainLookup?: boolean | undefined;
};

const optionChecks: OptionChecks<IdentityServersOptions> = {
  servers: {
    expects: '"any", or an array of at least one server name such as id.example.org',
    required: true,
    accepts: (value) =>
      value === 'any' || (Array.isArray(value) && value.length > 0 && value.every(isReachableServerName)),
  },
  media: {
    expects: 'an array with "email", "msisdn" or both',
    accepts: (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((each) => each === 'email' || each === 'msisdn'),
  },
  timeoutMs: integerOption('milliseconds', 1, MAX_TIMEOUT_MS),
  plainLookup: booleanOption,
  ...outboundChecks,
};

/**
 * @returns a copy
 * @throws {TypeError} for unknown, missing and invalid options
 */
export function checkIdentityServersOptions(options: IdentityServersOptions): IdentityServersOptions {
  return checkOptions<IdentityServersOptions>('identityServers', options, optionChecks);
}
