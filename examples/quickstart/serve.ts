import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where to listen. */
export type Address = { readonly host: string; readonly port: number };

/**
 * HOST (127.0.0.1 when not set: reachable from this machine only) and PORT. Port 0 means any that is free.
 * A PORT that is none ends the process with a line that says so.
 */
export function addressFromEnvironment(defaultPort: number): Address {
  const { HOST, PORT } = process.env;
  const port = PORT ? Number(/^\d+$/.exec(PORT)?.[0]) : defaultPort;
  if (!(port <= 65_535)) endWith(`PORT must be a whole number from 0 to 65535, not "${PORT}"`);
  return { host: HOST || '127.0.0.1', port };
}

/** Waits until the server listens, and gives its URL; where it cannot, the process ends with a line that says why. */
export async function urlOnceListening(server: Server, { host, port }: Address): Promise<string> {
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    endWith(
      code === 'EADDRINUSE'
        ? `Port ${port} is taken: stop what listens there, or choose another port by the environment variable PORT`
        : `Cannot listen on ${host}, port ${port}: ${message}`,
    );
  }
  const used = (server.address() as AddressInfo).port;
  return `http://${host.includes(':') ? `[${host}]` : host}:${used}`;
}

/** Runs `close` at the first SIGINT or SIGTERM; the process then ends by itself, and a second signal ends it at once. */
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

/** Takes no more connections, and resolves when those that are open have ended. */
export async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // A client that has connected and says nothing would keep the process for a minute.
  const timer = setTimeout(() => server.closeAllConnections(), 1_000);
  await closed;
  clearTimeout(timer);
}

function endWith(message: string): never {
  console.error(message);
  process.exit(1);
}
