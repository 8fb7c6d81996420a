import { Resolver } from 'node:dns';
import { createSecureContext } from 'node:tls';
import type { OptionCheck, OptionChecks } from '../../../src/internal/options.ts';
import { isCidr } from './address-guard.ts';

/** Options for requests to other servers. */
export type OutboundOptions = {
  /**
   * Ranges of IP addresses in CIDR notation, such as `10.0.0.0/8`, that may be connected to besides those of the public
   * internet. Default: none.
   */
  readonly allowAddresses?: readonly string[] | undefined;
  /** `ca`: CA certificates in PEM to trust besides those that come with Node. Default: none. */
  readonly tls?:
    | { readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined }
    | undefined;
  /**
   * `servers`: IP addresses of the DNS servers to ask, with an optional port (`192.0.2.53:5353`). Default: the system's.
   */
  readonly dns?: { readonly servers?: readonly string[] | undefined } | undefined;
};

export const outboundChecks: OptionChecks<OutboundOptions> = {
  allowAddresses: {
    expects: 'an array of ranges of IP addresses in CIDR notation, such as 10.0.0.0/8 or fd00::/8',
    accepts: (value) => Array.isArray(value) && value.every(isCidr),
  },
  tls: settings('ca', 'a certificate in PEM, or an array of them', isCa),
  dns: settings('servers', 'an array of at least one IP address, with or without a port', areDnsServers),
};

/** An option that is an object with one member. */
function settings(name: string, expects: string, accepts: (value: unknown) => boolean): OptionCheck {
  return {
    expects: `an object with ${name}: ${expects}`,
    accepts(value) {
      if (typeof value !== 'object' || value === null) return false;
      const { [name]: member, ...others } = value as Record<string, unknown>;
      return Object.keys(others).length === 0 && (member === undefined || accepts(member));
    },
  };
}

function isCa(value: unknown): boolean {
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  return all.every((each) => {
    if (typeof each !== 'string' && !(each instanceof Uint8Array)) return false;
    // Node ignores what is no certificate.
    if (!Buffer.from(each).includes('-----BEGIN CERTIFICATE-----')) return false;
    return doesNotThrow(() => createSecureContext({ ca: Buffer.from(each) }));
  });
}

function areDnsServers(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0) return false;
  return doesNotThrow(() => new Resolver().setServers(value));
}

function doesNotThrow(action: () => unknown): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
