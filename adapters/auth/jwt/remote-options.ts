import {
  booleanOption,
  checkOptions,
  integerOption,
  loggerOption,
  type OptionChecks,
} from '../../../src/internal/options.ts';
import type { Logger } from '../../../src/ports/logger.ts';

/** The issuer's JWKS, fetched when it is first needed, and kept. */
export type RemoteKeys = {
  /** Where the JWKS is (`jwks_uri` of OpenID Connect Discovery): an `https:` URL without a password. Required. */
  readonly jwksUri: string | URL;
  /** How long a fetch may take, in milliseconds. Default 2000. */
  readonly timeoutMs?: number;
  /**
   * How long after a fetch a token with a key that is not in the JWKS causes no other, in milliseconds: meanwhile it
   * is `unknown`. Default 10,000.
   */
  readonly cooldownMs?: number;
  /** How long keys are used before they are fetched again, in milliseconds. Default 600,000. */
  readonly cacheMaxAgeMs?: number;
  /**
   * How long beyond `cacheMaxAgeMs` keys are used while they cannot be fetched, in milliseconds: longer outages are
   * survived, but a key that the issuer withdraws is good for longer. Default 3,600,000.
   */
  readonly maxStaleMs?: number;
  /** Whether an `http:` URL is taken: whoever is on the way can then log in as anybody. Default false. */
  readonly allowInsecureHttp?: boolean;
  /** Told once when the JWKS cannot be fetched, and once when it can again. Default: a warning on the console. */
  readonly logger?: Pick<Logger, 'warn'>;
};

const optionChecks: OptionChecks<RemoteKeys> = {
  jwksUri: {
    required: true,
    expects: 'a URL',
    accepts: (value) => value instanceof URL || (typeof value === 'string' && URL.canParse(value)),
  },
  timeoutMs: integerOption('milliseconds'),
  cooldownMs: integerOption('milliseconds'),
  cacheMaxAgeMs: integerOption('milliseconds'),
  maxStaleMs: integerOption('milliseconds'),
  allowInsecureHttp: booleanOption,
  logger: loggerOption,
};

/**
 * @returns the URL of the JWKS
 * @throws {TypeError} for an unknown or ill-typed option, and for a URL that is not safe
 */
export function checkRemoteKeys(keys: RemoteKeys): URL {
  checkOptions('jwt: keys', keys, optionChecks);
  const url = new URL(keys.jwksUri);
  const isSecure = url.protocol === 'https:' || (keys.allowInsecureHttp === true && url.protocol === 'http:');
  if (!isSecure)
    throw new TypeError(
      'jwt: keys: option "jwksUri" must be an https: URL, unless "allowInsecureHttp" is true',
    );
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('jwt: keys: option "jwksUri" must have no user name and no password');
  }
  return url;
}
