import {
  booleanOption,
  checkOptions,
  hasMethods,
  integerOption,
  isOptionsObject,
  type OptionChecks,
} from '../../src/internal/options.ts';
import { signerOption } from '../../src/pdu/signer-option.ts';
import type { RoomGraph } from '../../src/ports/room-graph.ts';
import type { Signer } from '../../src/ports/signer.ts';
import { type FederationNetworkOptions, federationNetworkChecks } from './client/options.ts';

/** As of `RemoteInvites`. */
const MAX_TIMEOUT_MS = 120_000;

/** Which servers' users may be invited: globs over server names. Ports and letter case are ignored. */
export type ServerGlobs = {
  /** Default: `['*']`, all servers. */
  readonly allow?: readonly string[] | undefined;
  /** Default: none. It takes precedence over `allow`. */
  readonly deny?: readonly string[] | undefined;
};

/** Options for `matrixFederation`. */
export type MatrixFederationOptions<Revision = unknown> = FederationNetworkOptions & {
  /** Signs the requests to other servers, with the key that also signs this server's events. Required. */
  readonly signer: Signer;
  /** The events of the rooms, such as a `SqliteGraphStorage`. Required. */
  readonly rooms: RoomGraph<Revision>;
  /** `allow` and `deny`: globs over the names of the servers whose users may be invited. Default: all servers. */
  readonly servers?: ServerGlobs | undefined;
  /**
   * The maximum time to have an invite signed and stored, in milliseconds, up to 120,000. Three quarters of it are for
   * other servers. Default 20,000.
   */
  readonly timeoutMs?: number | undefined;
  /** Whether the policy server of a room has to sign its invites. Default true. */
  readonly policyServers?: boolean | undefined;
};

const optionChecks: OptionChecks<MatrixFederationOptions> = {
  signer: signerOption,
  rooms: {
    expects:
      'a graph of rooms: an object with build, append and hasJoinedMember, such as a SqliteGraphStorage',
    required: true,
    accepts: (value) => hasMethods(value, 'build', 'append', 'hasJoinedMember'),
  },
  servers: {
    expects: 'an object with allow, deny or both: arrays of globs such as *.example.org',
    accepts: isServerGlobs,
  },
  timeoutMs: integerOption('milliseconds', 1, MAX_TIMEOUT_MS),
  policyServers: booleanOption,
  ...federationNetworkChecks,
};

/**
 * @returns a copy
 * @throws {TypeError} for unknown, missing and invalid options
 */
export function checkMatrixFederationOptions<Revision>(
  options: MatrixFederationOptions<Revision>,
): MatrixFederationOptions<Revision> {
  return checkOptions<MatrixFederationOptions<Revision>>('matrixFederation', options, optionChecks);
}

function isServerGlobs(value: unknown): boolean {
  if (!isOptionsObject(value)) return false;
  return Object.entries(value).every(
    ([name, globs]) => ['allow', 'deny'].includes(name) && (globs === undefined || areGlobs(globs)),
  );
}

function areGlobs(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string' && each !== '');
}
