import { once } from 'node:events';
import { createServer } from 'node:net';

/** Returns a TCP port on 127.0.0.1 that is free at the moment. */
export function freePort(): Promise<number> {
  return listenBriefly(0);
}

/**
 * Listens on a port and closes it again.
 *
 * @param port 0 for any free port
 * @returns the port
 * @throws {Error} if the port is in use
 */
export async function listenBriefly(port: number): Promise<number> {
  const server = createServer();
  const listening = once(server, 'listening');
  server.listen(port, '127.0.0.1');
  await listening;
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('The server has no TCP port');
  return address.port;
}
