import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hostOf, specialAddresses } from '../../support/special-addresses.ts';
import { connectsDuring } from '../third-party/connects.ts';
import { clientWith, dnsStub, failureOf, get, RecordingServer } from './support.ts';

/** Starts a listener that counts its connections. */
async function listen(host: string, port = 0) {
  const connections = { count: 0 };
  const server = createServer((socket) => {
    connections.count += 1;
    socket.destroy();
  }).listen(port, host);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { connections, port: (server.address() as AddressInfo).port };
}

/**
 * Returns a client that may connect to 127.0.0.2 only, where a host is that has documents for many names. Servers are at
 * `port` by default.
 */
async function strictClient(port: number) {
  const documents = await RecordingServer.start(['DNS:*.doc.test']);
  const dns = await dnsStub();
  const client = await clientWith({
    allowAddresses: ['127.0.0.2/32'],
    dns: { servers: [dns.address] },
    wellKnownPort: documents.port,
    defaultPort: port,
  });
  return { client, dns, documents };
}

describe('an address that is not of the public internet', () => {
  it('gets no packet, in whatever way a server name leads there', async () => {
    // At all addresses of this machine.
    const { port, connections } = await listen('::');
    const { client, dns, documents } = await strictClient(port);
    const failures: string[][] = [];
    const connects = await connectsDuring(port, async () => {
      for (const [index, [range, address]] of specialAddresses.entries()) {
        const literal = hostOf(address);
        const name = `x${index}.test`;
        dns.answer = (asked) => (asked.endsWith('.doc.test') ? ['127.0.0.2'] : [address]);
        dns.srv = (asked) => (asked.includes('redirect') ? [{ target: name, port }] : 'NXDOMAIN');
        const delegations: Readonly<Record<string, string>> = {
          [`literal${index}.doc.test`]: literal,
          [`port${index}.doc.test`]: `${literal}:${port}`,
          [`name${index}.doc.test`]: name,
        };
        const redirects: Readonly<Record<string, string>> = {
          [`redirect-literal${index}.doc.test`]: literal,
          [`redirect-name${index}.doc.test`]: name,
        };
        documents.respond = ({ servername }, response) => {
          const delegatesTo = delegations[`${servername}`];
          if (delegatesTo !== undefined) return { 'm.server': delegatesTo };
          response.writeHead(302, { location: `https://${redirects[`${servername}`]}:${port}/` }).end();
          return undefined;
        };
        const names = [literal, `${literal}:${port}`, name, `${name}:${port}`];
        for (const each of [...names, ...Object.keys(delegations), ...Object.keys(redirects)]) {
          failures.push([range, each, await failureOf(get(client, each))]);
        }
      }
    });
    expect(failures.filter(([, , failure]) => failure !== 'address')).toEqual([]);
    expect(failures.length).toBeGreaterThan(600);
    expect(documents.received).toHaveLength((failures.length / 9) * 5);
    expect(connects).toEqual([]);
    expect(connections.count).toBe(0);
  });

  it('gets no packet once the DNS of a name answers differently', async () => {
    const server = await RecordingServer.start(['DNS:rebound.test', 'DNS:late.doc.test']);
    server.respond = (_received, response) => {
      // So that each request needs a new connection.
      response.setHeader('Connection', 'close');
      return {};
    };
    const elsewhere = await listen('127.0.0.3', server.port);
    const { client, dns, documents } = await strictClient(server.port);
    const connects = await connectsDuring(server.port, async () => {
      dns.answer = (_name, type) => (type === 'A' ? ['127.0.0.2'] : []);
      expect(await get(client, `rebound.test:${server.port}`)).toMatchObject({ status: 200 });
      dns.answer = (_name, type) => (type === 'A' ? ['127.0.0.3'] : []);
      expect(await failureOf(get(client, `rebound.test:${server.port}`))).toBe('address');
      // Between the request for a document and the one to its server, too.
      documents.respond = () => {
        dns.answer = () => ['127.0.0.3'];
        return {};
      };
      dns.answer = () => ['127.0.0.2'];
      expect(await failureOf(get(client, 'late.doc.test'))).toBe('address');
    });
    expect(documents.received).toHaveLength(1);
    expect(connects).toEqual(['127.0.0.2']);
    expect(elsewhere.connections.count).toBe(0);
  });
});
