// A process that runs modules one after the other, and prints what became of each as a line of JSON:
// run-blocks.ts <file>…
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Server } from 'node:net';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { AUTHORIZATION, BODY, PATH } from './invite.ts';

const { listen } = Server.prototype;
let servers: Server[] = [];

// Blocks name the ports that a reader expects; here any free one has to do.
Server.prototype.listen = function listenAnywhere(this: Server, ...args: unknown[]): Server {
  servers.push(this);
  // Nest waits for its callback.
  return Reflect.apply(listen, this, [0, '127.0.0.1', ...args.filter((arg) => typeof arg === 'function')]);
};

/** What the endpoint answers to these headers, as a text. */
async function answerOf(server: Server, headers: Record<string, string>): Promise<string> {
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
  const answers: string[] = [];
  try {
    await import(pathToFileURL(path).href);
    for (const server of servers) {
      answers.push(await answerOf(server, {}), await answerOf(server, { Authorization: AUTHORIZATION }));
    }
  } catch (error) {
    failure = format(error);
  }
  for (const server of servers) server.close();
  print(JSON.stringify({ path, printed, answers, failure }));
}
process.exit(0);
