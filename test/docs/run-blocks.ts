// Runs modules one after the other in this process, and prints the result of each as a line of JSON:
// run-blocks.ts <file>…
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Server } from 'node:net';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { AUTHORIZATION, BODY, PATH } from './invite.ts';

const { listen } = Server.prototype;
let servers: Server[] = [];

// Blocks listen on the ports that readers expect. Here, each gets any free port.
Server.prototype.listen = function listenAnywhere(this: Server, ...args: unknown[]): Server {
  servers.push(this);
  // Nest waits for the callback.
  return Reflect.apply(listen, this, [0, '127.0.0.1', ...args.filter((arg) => typeof arg === 'function')]);
};

/** Sends an invite with these headers. Returns the status and the body of the response as a string. */
async function sendInvite(server: Server, headers: Record<string, string>): Promise<string> {
  if (!server.listening) await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}${PATH}`, { method: 'POST', headers, body: BODY });
  return `${response.status} ${await response.text()}`;
}

const print = console.log;

for (const path of process.argv.slice(2)) {
  const printed: string[] = [];
  console.log = (...values: unknown[]) => printed.push(format(...values));
  servers = [];
  let failure: string | undefined;
  const responses: string[] = [];
  try {
    await import(pathToFileURL(path).href);
    for (const server of servers) {
      responses.push(
        await sendInvite(server, {}),
        await sendInvite(server, { Authorization: AUTHORIZATION }),
      );
    }
  } catch (error) {
    failure = format(error);
  }
  for (const server of servers) server.close();
  print(JSON.stringify({ path, printed, responses, failure }));
}
process.exit(0);
