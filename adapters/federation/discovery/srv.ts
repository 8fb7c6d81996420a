import type { SrvRecord } from 'node:dns';
import { resolveSrv } from '../../shared/outbound/resolve.ts';

/** The names of the service. The second one is deprecated, because it is not registered at IANA. */
const SERVICES = ['_matrix-fed._tcp', '_matrix._tcp'];

/** The number of records that count. Whoever owns the name chooses how many there are, and putting them in order takes time. */
const MAX_RECORDS = 50;

type Endpoint = { readonly host: string; readonly port: number };

/**
 * Looks up where the SRV records of a host name say that its Matrix server is.
 *
 * @param dnsServers the DNS servers to ask (default: the system's)
 * @returns the targets in the order in which to try them, or undefined if there are no records. The list is empty if a
 *   record says that there is no server.
 * @throws (rejects) the DNS error if the lookup fails, because another server may listen at the host name's own address
 * @see https://spec.matrix.org/v1.18/server-server-api/#resolving-server-names
 */
export async function srvEndpoints(
  hostname: string,
  dnsServers: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<Endpoint[] | undefined> {
  for (const service of SERVICES) {
    const records = await resolveSrv(`${service}.${hostname}`, dnsServers, signal);
    if (records.length > 0) return inOrder(records).flatMap(endpointOf);
  }
  return undefined;
}

/** The target `.`, which Node reads as an empty name, says that the service is not available (RFC 2782). */
function endpointOf({ name, port }: SrvRecord): Endpoint[] {
  return name === '' || name === '.' || port === 0 ? [] : [{ host: name, port }];
}

/**
 * Returns records in the order in which to try them: by priority, and those of the same priority at random, by weight. Of
 * many, it returns the first 50.
 *
 * @param random returns numbers from 0 to below 1
 * @see https://www.rfc-editor.org/rfc/rfc2782
 */
export function inOrder(records: readonly SrvRecord[], random: () => number = Math.random): SrvRecord[] {
  // Those without a weight have a chance only while they are first.
  const left = [...records]
    .sort((one, other) => one.priority - other.priority || one.weight - other.weight)
    .slice(0, MAX_RECORDS);
  const ordered: SrvRecord[] = [];
  while (left[0] !== undefined) {
    const { priority } = left[0];
    const same = left.filter((each) => each.priority === priority);
    const total = same.reduce((sum, { weight }) => sum + weight, 0);
    let rest = Math.floor(random() * (total + 1));
    const chosen = same.findIndex(({ weight }) => {
      rest -= weight;
      return rest <= 0;
    });
    ordered.push(...left.splice(chosen, 1));
  }
  return ordered;
}
