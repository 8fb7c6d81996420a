import { isServerName } from '../rooms/identifiers.ts';

/**
 * The parameters of an `Authorization: X-Matrix` header.
 *
 * @see https://spec.matrix.org/v1.18/server-server-api/#request-authentication
 */
export type XMatrix = {
  /** The server that sends the request. */
  readonly origin: string;
  /** The server that the request is for. Servers before Matrix 1.3 leave it out. */
  readonly destination: string | undefined;
  /** The ID of the key, such as `ed25519:1`. */
  readonly key: string;
  /** The signature, in unpadded base64. The specification's text calls it `signature`, its example and servers `sig`. */
  readonly sig: string;
};

/** A token of RFC 9110. In a value, servers also leave a colon unquoted. */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const VALUE = "[!#$%&'*+.^_`|~0-9A-Za-z:-]+";
const QUOTED = '"(?:[\\t !#-\\[\\]-~\\x80-\\xff]|\\\\[\\t -~\\x80-\\xff])*"';

const SCHEME = /^X-Matrix(?: +|$)/i;
/** One parameter and the comma after it, or a comma alone: lists may have empty elements. */
const PARAMETER = new RegExp(
  `[\\t ]*(?:(${TOKEN})[\\t ]*=[\\t ]*(?:(${QUOTED})|(${VALUE}))[\\t ]*(?:,|$)|,)`,
  'y',
);

/**
 * Returns the header's value for a signed request. Server names, key IDs and base64 need no escapes.
 *
 * @param xMatrix all four parameters: a receiver must be told its own name
 */
export function writeXMatrix({ origin, destination, key, sig }: XMatrix & { destination: string }): string {
  return `X-Matrix origin="${origin}",destination="${destination}",key="${key}",sig="${sig}"`;
}

/**
 * Reads the `Authorization: X-Matrix` headers of a request. There is one for each key that has signed the request, and a
 * request is authentic if any of them verifies.
 *
 * @param rawHeaders names and values in turn: Node drops all but the first `Authorization` from `headers`
 * @returns undefined if there is none, if one is malformed or lacks `origin`, `key` or `sig`, or if they are of
 *   different origins
 */
export function readXMatrix(rawHeaders: readonly string[]): readonly [XMatrix, ...XMatrix[]] | undefined {
  const values = rawHeaders.filter(
    (value, index) =>
      index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'authorization' && SCHEME.test(value),
  );
  const [first, ...others] = values.map(parse);
  if (first === undefined) return undefined;
  const same = others.filter((each) => each?.origin === first.origin).filter((each) => each !== undefined);
  return same.length === others.length ? [first, ...same] : undefined;
}

function parse(value: string): XMatrix | undefined {
  const parameters = parametersOf(value);
  const origin = parameters?.get('origin');
  const destination = parameters?.get('destination');
  const key = parameters?.get('key');
  const sig = parameters?.get('sig');
  if (origin === undefined || key === undefined || sig === undefined) return undefined;
  if (!isServerName(origin) || (destination !== undefined && !isServerName(destination))) return undefined;
  return { origin, destination, key, sig };
}

/** Returns undefined for a list that is malformed or that has a name twice: servers could differ in which one counts. */
function parametersOf(value: string): Map<string, string> | undefined {
  const list = value.replace(SCHEME, '');
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = 0;
  while (PARAMETER.lastIndex < list.length) {
    const match = PARAMETER.exec(list);
    if (match === null) return undefined;
    const [, name, quoted, unquoted = ''] = match;
    if (name === undefined) continue;
    const key = name.toLowerCase();
    if (parameters.has(key)) return undefined;
    parameters.set(key, quoted?.slice(1, -1).replace(/\\(.)/gs, '$1') ?? unquoted);
  }
  return parameters;
}
