import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { printable } from 'express-matrix-invite';

/** The address to listen on. */
export type Address = { readonly host: string; readonly port: number };

/**
 * Reads HOST (default 127.0.0.1, reachable from this machine only) and PORT. Port 0 means any free port.
 * Ends the process with a one-line message if PORT is invalid.
 */
export function addressFromEnvironment(defaultPort: number): Address {
  const { HOST, PORT } = process.env;
  const port = PORT ? Number(/^\d+$/.exec(PORT)?.[0]) : defaultPort;
  if (!(port <= 65_535)) endWith(`PORT must be an integer from 0 to 65535, not "${PORT}"`);
  return { host: HOST || '127.0.0.1', port };
}

/** Waits until the server listens, and returns its URL. Ends the process with a one-line message if it cannot. */
export async function urlOnceListening(server: Server, { host, port }: Address): Promise<string> {
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    endWith(
      code === 'EADDRINUSE'
        ? `Port ${port} is in use. Stop the process that uses it, or set PORT to another port`
        : `Cannot listen on ${host}, port ${port}: ${message}`,
    );
  }
  const used = (server.address() as AddressInfo).port;
  return `http://${host.includes(':') ? `[${host}]` : host}:${used}`;
}

/** Runs `close` at the first SIGINT or SIGTERM. A second signal ends the process immediately. */
export function closeOnSignal(close: () => Promise<void>): void {
  let isClosing = false;
  const onSignal = (): void => {
    if (isClosing) return;
    isClosing = true;
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    void close();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
}

/** Accepts no more connections, and resolves when all open ones have ended. */
export async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // A client that is connected but sends nothing would delay the shutdown by a minute.
  const timer = setTimeout(() => server.closeAllConnections(), 1_000);
  await closed;
  clearTimeout(timer);
}

/** Ends the process, as for a user who made a mistake: one line instead of a stack trace. */
export function endWith(message: string): never {
  console.error(printable(message));
  process.exit(1);
}
