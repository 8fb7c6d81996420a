import {
  booleanOption,
  checkOptions,
  functionOption,
  integerOption,
  type OptionChecks,
} from '../../../src/internal/options.ts';
import { type RefusalOptions, refusalChecks } from '../shared/refusal.ts';
import type { HttpAntispamError } from './failure.ts';

/** The options of `httpAntispam`. */
export type HttpAntispamOptions = RefusalOptions & {
  /**
   * Where the service is, as `base_url` of synapse-http-antispam: `/user_may_invite` is added. An `https:` address,
   * or an `http:` one of this machine, without user name, query and fragment.
   */
  readonly baseUrl: string;
  /** Lets `baseUrl` be an `http:` address of another machine, as inside a private network. Default false. */
  readonly allowHttp?: boolean;
  /** Sent as `Authorization: Bearer …`. Default: none is sent. */
  readonly accessToken?: string;
  /** How long the service has for its whole answer, in milliseconds. Default 2,000. */
  readonly timeoutMs?: number;
  /**
   * What happens to an invite when the service gives no answer that makes sense: `refuse` (403, with the failure in
   * the log), or `allow`, which needs `onError`. Default `refuse`.
   */
  readonly onFailure?: 'refuse' | 'allow';
  /** Told of each failure, whatever `onFailure` says. What it throws refuses the invite. Default: nobody is told. */
  readonly onError?: (error: HttpAntispamError) => void;
  /** Whether the service sees the invite's `reason`, a text from user to user. Default false. */
  readonly sendReason?: boolean;
};

const optionChecks: OptionChecks<HttpAntispamOptions> = {
  baseUrl: {
    expects: 'an http: or https: address without user name, query and fragment',
    required: true,
    accepts: isBaseUrl,
  },
  allowHttp: booleanOption,
  accessToken: {
    expects: 'a text of visible ASCII characters, not empty',
    accepts: (value) => typeof value === 'string' && /^[\x21-\x7e]+$/.test(value),
  },
  timeoutMs: integerOption('milliseconds'),
  onFailure: {
    expects: '"refuse" or "allow"',
    accepts: (value) => value === 'refuse' || value === 'allow',
  },
  onError: functionOption,
  sendReason: booleanOption,
  ...refusalChecks,
};

/** @throws {TypeError} for unknown, missing and ill-typed options, and for those that do not go together */
export function checkHttpAntispamOptions(options: HttpAntispamOptions): void {
  checkOptions<HttpAntispamOptions>('httpAntispam', options, optionChecks);
  const { baseUrl, allowHttp = false, onFailure, onError } = options;
  const { protocol, hostname } = new URL(baseUrl);
  if (protocol === 'http:' && !allowHttp && !isThisMachine(hostname)) {
    throw new TypeError('httpAntispam: option "baseUrl" must be https:, unless "allowHttp" is true');
  }
  if (onFailure === 'allow' && onError === undefined) {
    throw new TypeError('httpAntispam: option "onError" is required where "onFailure" is "allow"');
  }
}

function isBaseUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const { protocol, username, password } = new URL(value);
  return /^https?:$/.test(protocol) && username === '' && password === '' && !/[?#]/.test(value);
}

function isThisMachine(hostname: string): boolean {
  return /^(?:localhost|127(?:\.[0-9]+){3}|\[::1\])$/.test(hostname);
}
