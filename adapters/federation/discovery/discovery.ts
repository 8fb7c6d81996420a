import { isIP } from 'node:net';
import { unlessAborted } from '../../../src/internal/waits.ts';
import { isReachableServerName } from '../../../src/rooms/identifiers.ts';
import { Attempt } from '../../shared/outbound/attempt.ts';
import type { OutboundClient, OutboundLocation } from '../../shared/outbound/client.ts';
import type { OutboundOptions } from '../../shared/outbound/options.ts';
import { srvEndpoints } from './srv.ts';
import { WellKnown } from './well-known.ts';

/** The ports that the specification names. Others are for test networks. */
export type DiscoveryPorts = {
  /** The port of `https://<hostname>/.well-known/matrix/server`. Default 443. */
  readonly wellKnownPort?: number | undefined;
  /** The port of servers whose name has none. Default 8448. */
  readonly defaultPort?: number | undefined;
};

/** A server name and its parts. */
type ServerName = {
  readonly name: string;
  /** The host name or IP address, without brackets. */
  readonly hostname: string;
  readonly port: number | undefined;
};

/**
 * Finds out where the server with a name is.
 *
 * @see https://spec.matrix.org/v1.18/server-server-api/#resolving-server-names
 */
export class Discovery {
  readonly #wellKnown: WellKnown;
  readonly #dnsServers: readonly string[] | undefined;
  readonly #defaultPort: number;

  /** @param client sends the requests for well-known documents */
  constructor(options: Pick<OutboundOptions, 'dns'> & DiscoveryPorts, client: OutboundClient) {
    const { wellKnownPort = 443, defaultPort = 8448, dns } = options;
    this.#wellKnown = new WellKnown(client, wellKnownPort);
    this.#dnsServers = dns?.servers;
    this.#defaultPort = defaultPort;
  }

  /**
   * Resolves a server name to the addresses to connect to, and the name that the certificate must have.
   *
   * @throws {OutboundError} (rejects) `dns` if DNS fails or says that there is no server, `address` for a name that
   *   cannot be connected to
   */
  async resolveServer(serverName: string, signal: AbortSignal): Promise<OutboundLocation> {
    const attempt = new Attempt(serverName, signal);
    if (!isReachableServerName(serverName)) throw attempt.error('address');
    const original = parse(serverName);
    if (!needsDiscovery(original)) return this.#locationOf(original);
    const to = await unlessAborted(this.#wellKnown.delegatedName(original.hostname), signal, () =>
      attempt.error('timeout'),
    );
    const delegated = to === undefined ? original : parse(to);
    if (!needsDiscovery(delegated)) return this.#locationOf(delegated);
    const targets = await srvEndpoints(delegated.hostname, this.#dnsServers, signal).catch(
      (error: unknown) => {
        throw attempt.error('dns', error);
      },
    );
    if (targets === undefined) return this.#locationOf(delegated);
    const [first, ...others] = targets;
    if (first === undefined) throw attempt.error('dns');
    return { ...this.#locationOf(delegated), endpoints: [first, ...others] };
  }

  /** Returns the location that a name states itself, with the default port if it has none. */
  #locationOf({ name, hostname, port = this.#defaultPort }: ServerName): OutboundLocation {
    return {
      endpoints: [{ host: hostname, port }],
      // Neither an IP address (RFC 6066, section 3) nor a trailing dot.
      servername: isIP(hostname) === 0 ? hostname.replace(/\.$/, '') : '',
      host: name,
    };
  }
}

/** Only a host name without a port needs discovery: an IP address or a port says where the server is. */
function needsDiscovery({ hostname, port }: ServerName): boolean {
  return isIP(hostname) === 0 && port === undefined;
}

function parse(name: string): ServerName {
  const [, hostname = '', port] = /^(.*?)(?::([0-9]+))?$/.exec(name) ?? [];
  return {
    name,
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port: port === undefined ? undefined : Number(port),
  };
}
