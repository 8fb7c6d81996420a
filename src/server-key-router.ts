import { MatrixError } from './errors.ts';
import { createRoute, type MatrixRouter } from './http/route.ts';
import { DEFAULT_BODY_TIMEOUT_MS } from './http/transport.ts';
import { defaultLogger, neverThrows } from './internal/logger.ts';
import { checkOptions, isOptionsObject, loggerOption, type OptionChecks } from './internal/options.ts';
import { withTimeout } from './internal/waits.ts';
import { isKeyId } from './pdu/key-id.ts';
import { signJson } from './pdu/sign.ts';
import { readPublicKey } from './pdu/signatures.ts';
import { signerOption } from './pdu/signer-option.ts';
import { verifyJson } from './pdu/verify.ts';
import type { Logger } from './ports/logger.ts';
import type { Signer } from './ports/signer.ts';
import type { JsonObject } from './rooms/event.ts';

export type { MatrixRouter } from './http/route.ts';

/** A key that a server no longer signs with, as the specification writes it. */
export type OldVerifyKey = {
  /** The public key: 32 bytes in unpadded base64. */
  readonly key: string;
  /** The time at which the server stopped signing with it, in Unix milliseconds. */
  readonly expired_ts: number;
};

/** Options for `createServerKeyRouter`. */
export type ServerKeyRouterOptions = {
  /** The server's key. It signs requests, events and this response. Required. */
  readonly signer: Signer;
  /** The keys that the server used before, by their IDs, so that older events can still be verified. Default none. */
  readonly oldVerifyKeys?: Readonly<Record<string, OldVerifyKey>> | undefined;
  /** Default: warnings and errors to the console. */
  readonly logger?: Logger | undefined;
};

const optionChecks: OptionChecks<ServerKeyRouterOptions> = {
  signer: signerOption,
  oldVerifyKeys: {
    expects: 'an object with { key, expired_ts } by key ID, such as "ed25519:1"',
    accepts: (value) => isOptionsObject(value) && Object.entries(value).every(isOldKey),
  },
  logger: loggerOption,
};

const HOUR_MS = 3_600_000;

/** How long others may use the response. */
const VALIDITY_MS = 24 * HOUR_MS;

/** The age at which the response is signed again, and the age up to which it may be sent if that fails. */
const RENEWAL_MS = HOUR_MS;
const MAX_AGE_MS = VALIDITY_MS - HOUR_MS;

const SIGN_TIMEOUT_MS = 5_000;
const RETRY_AFTER_MS = 5_000;

/**
 * Creates the router for `GET /_matrix/key/v2/server`, where other servers get this server's public keys. Mount it at
 * the root of the app that other servers connect to. A server that already publishes its keys does not need it.
 *
 * ```ts
 * app.use(createServerKeyRouter({ signer }));
 * ```
 *
 * A response is valid for 24 hours, and is signed at most once an hour.
 *
 * @throws {TypeError} for an unknown or missing option, or one of the wrong type
 * @see [errors, Options](../docs/errors.md#options)
 * @see https://spec.matrix.org/v1.18/server-server-api/#publishing-keys
 */
export function createServerKeyRouter(options: ServerKeyRouterOptions): MatrixRouter {
  const checked = checkOptions<ServerKeyRouterOptions>('createServerKeyRouter', options, optionChecks);
  const keys = new PublishedKeys(checked);
  return createRoute<JsonObject>({
    path: '/_matrix/key/v2/server',
    methods: ['GET'],
    responseOptions: {
      what: 'a request for keys',
      logger: neverThrows(checked.logger ?? defaultLogger),
      cors: false,
      bodyTimeoutMs: DEFAULT_BODY_TIMEOUT_MS,
      requestId: () => undefined,
      bodyOf: (body) => body,
      detailsOf: () => ({}),
    },
    work: () => keys.current(),
  });
}

type Signed = { readonly body: JsonObject; readonly signedAt: number };

/** The signed response. It is not signed for each request, because other servers choose how often they ask. */
class PublishedKeys {
  readonly #signer: Signer;
  readonly #oldVerifyKeys: Readonly<Record<string, OldVerifyKey>>;
  #signed: Signed | undefined;
  #signing: Promise<Signed> | undefined;

  constructor({ signer, oldVerifyKeys = {} }: ServerKeyRouterOptions) {
    this.#signer = signer;
    this.#oldVerifyKeys = oldVerifyKeys;
  }

  /** @throws {MatrixError} (rejects) 503 if it cannot be signed */
  async current(): Promise<JsonObject> {
    const last = this.#signed;
    if (last !== undefined && isYounger(last, RENEWAL_MS)) return last.body;
    this.#signing ??= this.#sign().finally(() => {
      this.#signing = undefined;
    });
    try {
      return (await this.#signing).body;
    } catch (cause) {
      if (last !== undefined && isYounger(last, MAX_AGE_MS)) return last.body;
      throw new MatrixError(503, 'M_UNKNOWN', 'The keys cannot be signed now', {
        retryAfterMs: RETRY_AFTER_MS,
        cause,
      });
    }
  }

  async #sign(): Promise<Signed> {
    const { serverName, keyId, publicKey } = this.#signer;
    const signedAt = Date.now();
    const oldVerifyKeys = Object.entries(this.#oldVerifyKeys).map(([id, { key, expired_ts }]) => [
      id,
      { key, expired_ts },
    ]);
    const keys = {
      server_name: serverName,
      valid_until_ts: signedAt + VALIDITY_MS,
      verify_keys: { [keyId]: { key: publicKey } },
      old_verify_keys: Object.fromEntries(oldVerifyKeys) as JsonObject,
    };
    const body = await withTimeout(
      SIGN_TIMEOUT_MS,
      (signal) => signJson(keys, this.#signer, { signal }),
      () => new Error('The signer did not respond in time'),
    );
    if (verifyJson(body, serverName, new Map([[keyId, publicKey]])) !== 'valid') {
      throw new Error('The signature of the signer is not one of its public key');
    }
    this.#signed = { body, signedAt };
    return this.#signed;
  }
}

function isYounger({ signedAt }: Signed, ms: number): boolean {
  const age = Date.now() - signedAt;
  // The clock may have been set back.
  return age >= 0 && age < ms;
}

function isOldKey([keyId, value]: [string, unknown]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { key, expired_ts: expiredTs } = value as Record<string, unknown>;
  return (
    isKeyId(keyId) &&
    typeof key === 'string' &&
    readPublicKey(key) !== undefined &&
    Number.isSafeInteger(expiredTs)
  );
}
