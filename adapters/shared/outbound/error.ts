/**
 * The reason why another server gave no usable answer:
 * - `dns`: its name cannot be resolved
 * - `address`: its name, or the address in its place, leads to no address that may be connected to
 * - `connect`: none of its addresses accepts a connection in time
 * - `tls`: the TLS handshake failed, for example because of its certificate
 * - `network`: the connection broke before the answer was complete
 * - `timeout`: the answer was not complete in time
 * - `answer`: the answer is too large, or not what the protocol says
 * - `circuit`: the last requests failed, so it is not asked for a while
 * - `busy`: too many requests are under way
 */
export type OutboundFailure =
  | 'dns'
  | 'address'
  | 'connect'
  | 'tls'
  | 'network'
  | 'timeout'
  | 'answer'
  | 'circuit'
  | 'busy';

/**
 * Another server gave no usable answer. The error contains neither what was sent nor what came back, and no IP address.
 * Node's errors can, so they are not its cause.
 */
export class OutboundError extends Error {
  readonly code = 'ERR_OUTBOUND';
  readonly failure: OutboundFailure;
  /** The server's name, with its port unless that is 443. */
  readonly server: string;
  /** The time since the request was made, in milliseconds. */
  readonly ms: number;
  /** True if it is certain that no part of the request was sent. */
  readonly isNotSent: boolean;

  /**
   * @param options.isNotSent whether it is certain that no part of the request was sent (default false)
   * @param options.detail a code of Node's, or another constant, for the message
   */
  constructor(
    failure: OutboundFailure,
    server: string,
    ms: number,
    options: { readonly isNotSent?: boolean; readonly detail?: string | undefined } = {},
  ) {
    const { isNotSent = false, detail } = options;
    super(
      `No usable answer from ${server}: ${failure}${detail === undefined ? '' : ` (${detail})`} after ${ms} ms`,
    );
    this.name = 'OutboundError';
    this.failure = failure;
    this.server = server;
    this.ms = ms;
    this.isNotSent = isNotSent;
  }
}
