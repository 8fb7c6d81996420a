import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CannotStart } from './config.ts';

/**
 * Makes a server listen, and returns its port. Port 0 means any free port.
 *
 * @param variable names the port in the error message
 * @throws {CannotStart} if the port cannot be used
 */
export async function listen(
  server: Server,
  variable: string,
  port: number,
  host = '127.0.0.1',
): Promise<number> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new CannotStart(`${variable} ${port} cannot be used: ${(error as Error).message}`);
  }
  return (server.address() as AddressInfo).port;
}

/** Stops listening, and closes all connections. */
export async function closeNow(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

/**
 * Checks that a port can be used, and returns it.
 *
 * @throws {CannotStart} if it cannot
 */
export async function freePort(variable = 'PORT', port = 0, host?: string): Promise<number> {
  const server = createServer();
  const free = await listen(server, variable, port, host);
  await closeNow(server);
  return free;
}
