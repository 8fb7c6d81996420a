import {
  booleanOption,
  checkOptions,
  functionOption,
  integerOption,
  isSecureUrl,
  type OptionChecks,
  oneOf,
} from '../../../src/internal/options.ts';
import { type RefusalOptions, refusalChecks } from '../shared/refusal-options.ts';
import type { HttpAntispamError } from './error.ts';

/** Options for `httpAntispam`. */
export type HttpAntispamOptions = RefusalOptions & {
  /**
   * The URL of the service, like `base_url` of synapse-http-antispam: `/user_may_invite` is appended. An
   * `https:` URL, or an `http:` URL to this machine, without user name, query or fragment.
   */
  readonly baseUrl: string;
  /**
   * Whether to allow an `http:` URL to another machine, for example inside a private network. Default false.
   */
  readonly allowInsecureHttp?: boolean | undefined;
  /** Sent as `Authorization: Bearer …`. Default: none. */
  readonly accessToken?: string | undefined;
  /** The maximum time for the complete response, in milliseconds. Default 2,000. */
  readonly timeoutMs?: number | undefined;
  /**
   * What to do if the service makes no valid decision: `refuse` (403, with the failure in the log), or
   * `allow`, which requires `onError`. Default `refuse`.
   */
  readonly onFailure?: 'refuse' | 'allow' | undefined;
  /**
   * Called with each failure, whatever `onFailure` is. If it throws, the invite is refused. It is not awaited: if it
   * rejects, a line on the console says so. Default: none.
   */
  readonly onError?: ((error: HttpAntispamError) => void) | undefined;
  /** Whether to send the invite's `reason`, which is private text between users. Default false. */
  readonly sendReason?: boolean | undefined;
  /**
   * Whether to ask about invites by address too, with the address: `POST <baseUrl>/user_may_send_3pid_invite`. Default
   * false: the policy has no `decideByAddress`.
   */
  readonly sendAddresses?: boolean | undefined;
};

const optionChecks: OptionChecks<HttpAntispamOptions> = {
  baseUrl: {
    expects: 'an http: or https: URL as a string, without user name, query or fragment',
    required: true,
    accepts: isBaseUrl,
  },
  allowInsecureHttp: booleanOption,
  accessToken: {
    expects: 'a non-empty string of visible ASCII characters',
    accepts: (value) => typeof value === 'string' && /^[\x21-\x7e]+$/.test(value),
  },
  timeoutMs: integerOption('milliseconds'),
  onFailure: oneOf('refuse', 'allow'),
  onError: functionOption,
  sendReason: booleanOption,
  sendAddresses: booleanOption,
  ...refusalChecks,
};

/**
 * @returns a copy
 * @throws {TypeError} for unknown, missing, invalid and contradictory options
 */
export function checkHttpAntispamOptions(options: HttpAntispamOptions): HttpAntispamOptions {
  const checked = checkOptions<HttpAntispamOptions>('httpAntispam', options, optionChecks);
  const { allowInsecureHttp, onFailure, onError } = checked;
  const baseUrl = new URL(checked.baseUrl);
  if (!isSecureUrl(baseUrl, allowInsecureHttp) && !isLoopback(baseUrl)) {
    throw new TypeError(
      'httpAntispam: option "baseUrl" must be an https: URL, unless "allowInsecureHttp" is true',
    );
  }
  if (onFailure === 'allow' && onError === undefined) {
    throw new TypeError('httpAntispam: option "onError" is required if "onFailure" is "allow"');
  }
  return checked;
}

function isBaseUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const { protocol, username, password } = new URL(value);
  return /^https?:$/.test(protocol) && username === '' && password === '' && !/[?#]/.test(value);
}

function isLoopback({ hostname }: URL): boolean {
  return /^(?:localhost|127(?:\.[0-9]+){3}|\[::1\])$/.test(hostname);
}
