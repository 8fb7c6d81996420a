import { hasMethods, integerOption, type OptionChecks } from '../../../src/internal/options.ts';
import { readPublicKey } from '../../../src/pdu/signatures.ts';
import type { ServerKeyStore } from '../../../src/ports/server-keys.ts';
import { isServerName } from '../../../src/rooms/identifiers.ts';
import type { OutboundLimits } from '../../shared/outbound/client.ts';
import { type OutboundOptions, outboundChecks } from '../../shared/outbound/options.ts';
import type { DiscoveryPorts } from '../discovery/discovery.ts';
import type { Notary } from '../keys/fetch.ts';
import { isStorableKeyId } from '../keys/published-keys.ts';

/** How other servers are reached, and how their keys are found. */
export type FederationNetworkOptions = OutboundOptions &
  OutboundLimits &
  DiscoveryPorts & {
    /** Stores the keys of other servers. Default: 10,000 servers, in memory. */
    readonly keyStore?: ServerKeyStore | undefined;
    /**
     * Servers to ask for the keys of a server that cannot be reached, in this order. Each has its own public keys by their
     * IDs. Default: none.
     */
    readonly notaries?: readonly Notary[] | undefined;
  };

const MAX_PORT = 65_535;

export const federationNetworkChecks: OptionChecks<FederationNetworkOptions> = {
  ...outboundChecks,
  maxRequests: integerOption('requests'),
  maxRequestsPerServer: integerOption('requests'),
  connectTimeoutMs: integerOption('milliseconds'),
  wellKnownPort: portOption(),
  defaultPort: portOption(),
  keyStore: {
    expects: 'a key store: an object with read and write',
    accepts: (value) => hasMethods(value, 'read', 'write'),
  },
  notaries: {
    expects: 'an array of { serverName, keys }, with at least one public key by its ID, such as ed25519:1',
    accepts: (value) => Array.isArray(value) && value.every(isNotary),
  },
};

function portOption() {
  return { ...integerOption('ports', 1, MAX_PORT), expects: `a port, from 1 to ${MAX_PORT}` };
}

function isNotary(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { serverName, keys } = value as Record<string, unknown>;
  if (typeof serverName !== 'string' || !isServerName(serverName)) return false;
  if (typeof keys !== 'object' || keys === null) return false;
  const entries = Object.entries(keys);
  return (
    entries.length > 0 &&
    entries.every(
      ([keyId, key]) => isStorableKeyId(keyId) && typeof key === 'string' && readPublicKey(key) !== undefined,
    )
  );
}
