import { once } from 'node:events';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { noop } from '../../../src/internal/unawaited.ts';

/** The time after which the next address is tried as well (RFC 8305, section 5), in milliseconds. */
const ATTEMPT_DELAY_MS = 250;

/** The number of addresses that are tried. */
const MAX_ADDRESSES = 8;

/**
 * Connects by TCP to the first address that accepts, of those that are tried one after the other. A TLS handshake on the
 * connection has begun.
 *
 * Node's own `autoSelectFamily` gives up an address before it tries the next one, and so never reaches a server that is
 * farther away than its patience.
 *
 * @throws (rejects) the error of the last address, or the signal's reason
 */
export function connectToFirst(
  addresses: readonly string[],
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const untried = addresses.slice(0, MAX_ADDRESSES);
    const pending = new Set<TLSSocket>();
    let timer: NodeJS.Timeout | undefined;

    const settle = (conclude: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      for (const socket of pending) socket.destroy();
      conclude();
    };
    const abort = () => settle(() => reject(signal.reason));
    const tryNext = () => {
      clearTimeout(timer);
      const host = untried.shift();
      if (host === undefined) return;
      const socket = connect({ ...options, host });
      pending.add(socket);
      // Later errors are those of whoever uses the socket.
      socket.on('error', noop);
      socket.once('connect', () => {
        pending.delete(socket);
        settle(() => resolve(socket));
      });
      socket.once('error', (error) => {
        if (!pending.delete(socket)) return;
        if (untried.length > 0) tryNext();
        else if (pending.size === 0) settle(() => reject(error));
      });
      timer = setTimeout(tryNext, ATTEMPT_DELAY_MS);
    };

    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    else tryNext();
  });
}

/** Resolves when the TLS handshake is complete and the server's certificate is the right one. Rejects otherwise. */
export async function secured(socket: TLSSocket, signal: AbortSignal): Promise<TLSSocket> {
  try {
    await once(socket, 'secureConnect', { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
